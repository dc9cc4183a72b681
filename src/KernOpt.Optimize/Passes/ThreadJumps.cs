using KernOpt.Code.Bodies;

namespace KernOpt.Optimize.Passes;

/// <summary>
/// Leads jumps past blocks that hold nothing but a jump, and makes a branch with one destination a plain jump.
/// <code>
///     jne  A                 jne  B
///     …               =>     …
///  A: jmp  B              A: jmp  B
/// </code>
/// </summary>
internal sealed class ThreadJumps : IPass
{
    public string Id => "thread-jumps";

    public int Run(FunctionBody body, PassContext context)
    {
        var changes = 0;
        foreach (var block in body.Order)
        {
            var end = Threaded(block.End, context);
            if (end == block.End) continue;
            block.End = end;
            changes++;
        }
        if (changes > 0) body.Rebuild();
        return changes;
    }

    private static Terminator Threaded(Terminator end, PassContext context)
    {
        switch (end)
        {
            case Terminator.Goto go:
                return go with { To = Final(go.To, context) };
            case Terminator.Branch branch:
                var (taken, other) = (Final(branch.Taken, context), Final(branch.Else, context));
                return taken == other ? new Terminator.Goto(taken) : branch with { Taken = taken, Else = other };
            case Terminator.Table { OwnTable: true } table:
                BodyBlock[] cases = [.. table.Cases.Select(c => Final(c, context))];
                if (cases.SequenceEqual(table.Cases)) return table;
                return table with { Cases = cases };
            default:
                return end;
        }
    }

    /// <summary>A chain of empty blocks may be a ring (an empty endless loop): each block is passed once only.</summary>
    private static BodyBlock Final(BodyBlock block, PassContext context)
    {
        var passed = new HashSet<BodyBlock>();
        while (block.Instructions.Count == 0 && block.End is Terminator.Goto { To: var next } && context.Assumptions.At(block) is null && passed.Add(block))
            block = next;
        return block;
    }
}
