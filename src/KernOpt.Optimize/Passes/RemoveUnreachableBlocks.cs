using KernOpt.Code.Bodies;

namespace KernOpt.Optimize.Passes;

/// <summary>
/// Drops the blocks that no entry leads to.
/// <code>
///     jmp  L                 jmp  L
///  D: mov  eax, 1     =>
///     ret
///  L: ret                 L: ret
/// </code>
/// </summary>
internal sealed class RemoveUnreachableBlocks : IPass
{
    public string Id => "remove-unreachable-blocks";

    public int Run(FunctionBody body, PassContext context)
    {
        var reached = new HashSet<BodyBlock>(body.Entries);
        var work = new Stack<BodyBlock>(body.Entries);
        while (work.TryPop(out var block))
        {
            foreach (var next in FunctionBody.SuccessorsOf(block.End))
            {
                if (reached.Add(next)) work.Push(next);
            }
        }
        var removed = body.Order.RemoveAll(b => !reached.Contains(b));
        if (removed > 0) body.Rebuild();
        return removed;
    }
}
