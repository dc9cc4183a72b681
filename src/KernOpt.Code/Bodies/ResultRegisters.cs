using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Code.Bodies;

/// <summary>
/// What direct callers read after their call before they write it, flags included: what hand-written functions return in r8 or r9 and the like, and what
/// callers know to be left alone. Ordinary callers read nothing but <see cref="Liveness.AtReturn"/>.
/// <code>
///     call F
///     mov  [rdi], r8        ; F returns in r8, or restores rdi and r8
/// </code>
/// </summary>
/// <remarks>
/// Not seen: what a caller only hands on, to a callee of its own or by returning; callers that cannot be parsed, and calls through pointers, which are made by
/// the psABI's rules in all but hand-written code.
/// </remarks>
public static class ResultRegisters
{
    /// <summary>Of all callers; those of a caller that jumps to the function get its results, too.</summary>
    public static LiveSet Of(Function function, Func<Function, IEnumerable<(FunctionGraph Caller, CallSite Call)>> callersOf)
    {
        var read = LiveSet.Empty;
        var open = new Queue<Function>([function]);
        var seen = new HashSet<Address> { function.Start };
        while (open.TryDequeue(out var callee))
        {
            foreach (var (caller, call) in callersOf(callee))
            {
                if (!call.IsTail) read |= ReadAfter(caller, call);
                else if (seen.Add(caller.Function.Start)) open.Enqueue(caller.Function);
            }
        }
        return read;
    }

    private static LiveSet ReadAfter(FunctionGraph caller, CallSite call)
    {
        var liveness = Liveness.OfGraph(caller, EntryArguments.EffectsWithoutCallees, LiveSet.Empty, LiveSet.Empty);
        foreach (var block in caller.Blocks)
        {
            var live = liveness.Out(block);
            for (var i = block.Instructions.Length - 1; i >= 0; i--)
            {
                if (block.Instructions[i].IP == call.At.Value) return live;
                live = EntryArguments.EffectsWithoutCallees(block.Instructions[i]).LiveBefore(live);
            }
        }
        return LiveSet.Empty;
    }
}
