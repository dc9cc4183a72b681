using KernOpt.Code.Graphs;

namespace KernOpt.Tests.Code.Graphs;

/// <summary>
/// What differs between our graph and BOLT's. Both are walked in step from the entry; the successors of two blocks are paired in address order, and the
/// pairing must be one-to-one. Differences of convention are left out: blocks that the entry does not reach (BOLT makes some of padding), successors
/// in a split-off part (BOLT has them in another function), what follows a call that we know not to return (BOLT does not know), and a lone jmp behind
/// a jcc (BOLT keeps both in one block).
/// </summary>
internal static class GraphComparer
{
    public static IEnumerable<string> Differences(FunctionGraph ours, BoltFunction theirs)
    {
        var theirsOf = new Dictionary<int, int> { [ours.EntryIndex] = 0 };
        var oursOf = new Dictionary<int, int> { [0] = ours.EntryIndex };
        var open = new Queue<int>([ours.EntryIndex]);
        var folded = new HashSet<int>();
        while (open.TryDequeue(out var index))
        {
            var block = ours.Blocks[index];
            if (block.End == BlockEnd.NoReturn) continue;
            int[] mine = [.. block.Successors.Select(s => Unfolded(ours, block, s, folded)).Where(s => ours.Function.Range.Contains(ours.Blocks[s].Start)).Distinct().OrderBy(s => ours.Blocks[s].Start)];
            var other = theirs.Blocks[theirsOf[index]];
            if (mine.Length != other.Length)
            {
                yield return $"{theirs.Name}: the block at {block.Start} has {mine.Length} successors, BOLT's has {other.Length}";
                continue;
            }
            foreach (var (our, their) in mine.Zip(other))
            {
                var isNew = theirsOf.TryAdd(our, their) & oursOf.TryAdd(their, our);
                if (isNew) open.Enqueue(our);
                else if (theirsOf[our] != their || oursOf[their] != our) yield return $"{theirs.Name}: the block at {block.Start} leads to another block of BOLT's";
            }
        }
        var missed = ours.Blocks.Where(b => ours.Function.Range.Contains(b.Start) && !theirsOf.ContainsKey(b.Index) && !folded.Contains(b.Index)).ToList();
        if (missed.Count > 0 && ours.Blocks.All(b => ours.Function.Range.Contains(b.Start))) yield return $"{theirs.Name}: nothing of BOLT's is our block at {missed[0].Start}";
    }

    private static int Unfolded(FunctionGraph ours, BasicBlock source, int successor, HashSet<int> folded)
    {
        var next = ours.Blocks[successor];
        var isLoneJump = next.End == BlockEnd.Jump && next.Instructions.Length == 1 && next.Predecessors.Length == 1;
        if (source.End != BlockEnd.Branch || !isLoneJump || next.Start != source.Close) return successor;
        folded.Add(successor);
        return next.Successors[0];
    }
}
