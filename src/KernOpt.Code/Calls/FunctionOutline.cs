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

/// <summary>
/// A block, or a jump out: its stretches, from First up to but without Close; the nodes that it goes on to, by where they stand in <see cref="FunctionOutline"/>'s list; whether control comes
/// back to the caller from its end;
/// whether a later node, or itself, goes on to it.
/// </summary>
internal readonly record struct OutlineNode(int First, int Close, int FirstSuccessor, int CloseSuccessor, bool Returns, bool EndsLoop);

/// <summary>
/// What is left of a function when only its <see cref="CalleeUse"/> is asked for; so little that those of all functions of a module fit into memory at once. Callees are numbers of functions
/// of the module.
/// </summary>
internal sealed class FunctionOutline(ImmutableArray<OutlineNode> nodes, ImmutableArray<Stretch> stretches, ImmutableArray<int> successors, ImmutableArray<int> callees, int entry)
{
    /// <summary>How many nodes a search looks at.</summary>
    public int Nodes => nodes.Length;

    /// <summary>Each once.</summary>
    public ReadOnlySpan<int> Callees => callees.AsSpan();

    /// <summary>
    /// The function's use, given those of all others: the least solution of going backward over the nodes. Reads begins with nothing at a return, Keeps with everything.
    /// </summary>
    /// <param name="uses">Of all functions, by number.</param>
    /// <param name="before">Room for <see cref="Nodes"/>, whatever it holds: kept for each function it would be the most that a module takes.</param>
    public CalleeUse Solve(ReadOnlySpan<CalleeUse> uses, Span<CalleeUse> before)
    {
        before[..nodes.Length].Clear();
        for (var isStable = false; !isStable;)
        {
            isStable = true;
            for (var i = nodes.Length - 1; i >= 0; i--)
            {
                ref readonly var node = ref nodes.ItemRef(i);
                var use = Before(node, uses, before);
                if (use == before[i]) continue;
                before[i] = use;
                // All others that go on to it are looked at after it, in this round.
                isStable &= !node.EndsLoop;
            }
        }
        return before[entry];
    }

    private CalleeUse Before(in OutlineNode node, ReadOnlySpan<CalleeUse> uses, ReadOnlySpan<CalleeUse> before)
    {
        var (reads, keeps) = (LiveSet.Empty, node.Returns ? LiveSet.All : LiveSet.Empty);
        foreach (var successor in successors.AsSpan()[node.FirstSuccessor..node.CloseSuccessor]) (reads, keeps) = (reads | before[successor].Reads, keeps | before[successor].Keeps);
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
