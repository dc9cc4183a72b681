using KernOpt.Code.Bodies;

namespace KernOpt.Optimize.Passes;

/// <summary>
/// Joins a block with its only successor when that has no other way in. A block that is an entry, or where something is assumed, keeps its start.
/// <code>
///  A: add  eax, 1            A: add  eax, 1
///     jmp  B          =>        ret
///  B: ret
/// </code>
/// </summary>
internal sealed class MergeBlocks : IPass
{
    public string Id => "merge-blocks";

    public int Run(FunctionBody body, PassContext context)
    {
        var merged = new HashSet<BodyBlock>();
        foreach (var block in body.Order)
        {
            if (merged.Contains(block)) continue;
            while (block.End is Terminator.Goto { To: var next } && next != block && IsAbsorbable(body, next, context))
            {
                block.Instructions.AddRange(next.Instructions);
                block.End = next.End;
                block.Count ??= next.Count;
                merged.Add(next);
            }
        }
        if (merged.Count == 0) return 0;
        body.Order.RemoveAll(merged.Contains);
        body.Rebuild();
        return merged.Count;
    }

    // In-degrees stay right while merging: the absorbed block's successors keep their number of predecessors.
    private static bool IsAbsorbable(FunctionBody body, BodyBlock next, PassContext context) =>
        body.Flow.InDegree(next) == 1 && !body.Entries.Contains(next) && context.Assumptions.At(next) is null;
}
