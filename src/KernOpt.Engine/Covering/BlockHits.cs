using KernOpt.Code.Graphs;
using KernOpt.Target;

namespace KernOpt.Engine.Covering;

/// <summary>Whether blocks of one function were run, also of those that took no mark, where it follows from others.</summary>
internal static class BlockHits
{
    /// <summary>
    /// By block: run, not run, or null where nothing is known. A block was run if one was that can only be come to through it, or if one was that goes on to nothing else and cannot be
    /// left in its middle, since it calls nothing; it was not run if nothing that leads to it was. Entries: where control also comes in unseen.
    /// </summary>
    public static bool?[] Of(FunctionGraph graph, Func<int, bool?> marked, IReadOnlySet<Address> entries)
    {
        var hits = graph.Blocks.Select(b => marked(b.Index)).ToArray();
        for (var changed = true; changed;)
        {
            changed = false;
            foreach (var block in graph.Blocks.Where(b => hits[b.Index] is null))
            {
                hits[block.Index] = Derive(graph, block, hits, entries);
                changed |= hits[block.Index] is not null;
            }
        }
        return hits;
    }

    private static bool? Derive(FunctionGraph graph, BasicBlock block, bool?[] hits, IReadOnlySet<Address> entries)
    {
        if (block.Successors.Any(s => s != block.Index && hits[s] == true && IsOnlyEnteredThrough(graph.Blocks[s], block))) return true;
        if (block.Predecessors.Any(p => p != block.Index && hits[p] == true && GoesOnOnlyTo(graph.Blocks[p], block))) return true;
        return !IsEnteredUnseen(block) && block.Predecessors.All(p => p == block.Index || hits[p] == false) ? false : null;

        bool IsOnlyEnteredThrough(BasicBlock next, BasicBlock through) => !IsEnteredUnseen(next) && next.Predecessors.All(p => p == through.Index || p == next.Index);

        bool IsEnteredUnseen(BasicBlock one) => graph.IsEntered(one) || entries.Any(e => e >= one.Start && e < one.Close);
    }

    private static bool GoesOnOnlyTo(BasicBlock from, BasicBlock to) =>
        from.End is BlockEnd.FallThrough or BlockEnd.Jump && from.Exits.IsEmpty && from.Successors.All(s => s == to.Index)
        && !from.Instructions.Any(i => i.FlowControl is Iced.Intel.FlowControl.Call or Iced.Intel.FlowControl.IndirectCall or Iced.Intel.FlowControl.Interrupt);
}
