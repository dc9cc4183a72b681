using System.Collections.Immutable;
using KernOpt.Code.Bodies;

namespace KernOpt.Code.Calls;

/// <summary>
/// Instructions in a row as one: what they read before they write it, and what they surely overwrite. Callee: the function that the last of them calls, else
/// <see cref="CallEffects.NoCallee"/>.
/// </summary>
internal readonly record struct Stretch(LiveSet Reads, LiveSet Kills, int Callee)
{
    /// <summary>Code that is not known.</summary>
    public static readonly Stretch Unknown = new(LiveSet.All, LiveSet.Empty, CallEffects.NoCallee);
}

/// <summary>A block, or a jump out: its stretches, from First up to but without Close; where it goes on to; whether control comes back to the caller from its end.</summary>
internal readonly record struct OutlineNode(int First, int Close, ImmutableArray<int> Successors, bool Returns);

/// <summary>
/// What is left of a function when only its <see cref="CalleeUse"/> is asked for; so little that those of all functions of a module fit into memory at once. Callees are numbers of functions
/// of the module.
/// </summary>
internal sealed class FunctionOutline(ImmutableArray<OutlineNode> nodes, ImmutableArray<Stretch> stretches, int entry)
{
    private readonly CalleeUse[] before = new CalleeUse[nodes.Length];

    public IEnumerable<int> Callees => stretches.Where(s => s.Callee != CallEffects.NoCallee).Select(s => s.Callee).Distinct();

    /// <summary>
    /// The function's use, given those of all others: the least solution of going backward over the nodes. Reads begins with nothing at a return, Keeps with everything. Both only grow, here and with
    /// the uses of callees; so it goes on from where the last search ended.
    /// </summary>
    public CalleeUse Solve(ReadOnlySpan<CalleeUse> uses)
    {
        for (var isStable = false; !isStable;)
        {
            isStable = true;
            for (var i = nodes.Length - 1; i >= 0; i--)
            {
                var use = Before(nodes[i], uses);
                if (use == before[i]) continue;
                before[i] = use;
                isStable = false;
            }
        }
        return before[entry];
    }

    private CalleeUse Before(OutlineNode node, ReadOnlySpan<CalleeUse> uses)
    {
        var (reads, keeps) = (LiveSet.Empty, node.Returns ? LiveSet.All : LiveSet.Empty);
        foreach (var successor in node.Successors) (reads, keeps) = (reads | before[successor].Reads, keeps | before[successor].Keeps);
        for (var i = node.Close - 1; i >= node.First; i--)
        {
            ref readonly var stretch = ref stretches.AsSpan()[i];
            if (stretch.Callee != CallEffects.NoCallee)
            {
                ref readonly var callee = ref uses[stretch.Callee];
                (reads, keeps) = (callee.LiveBefore(reads), keeps & callee.Keeps);
            }
            (reads, keeps) = ((reads - stretch.Kills) | stretch.Reads, keeps - stretch.Kills);
        }
        return new CalleeUse(reads, keeps);
    }
}
