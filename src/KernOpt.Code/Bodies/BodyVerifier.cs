using Iced.Intel;
using KernOpt.Target;

namespace KernOpt.Code.Bodies;

/// <summary>
/// The structural rules of a body, to be checked after each pass: blocks and entries are in the order once; every successor is; instructions are
/// straight-line; a terminator's instruction is of its kind; a table has a case per entry; and <see cref="FunctionBody.Flow"/> says what the terminators say.
/// </summary>
public static class BodyVerifier
{
    /// <summary>Refused (<see cref="Reasons.BrokenBody"/>) with the first rule that is broken and where.</summary>
    public static Outcome<Done> Check(FunctionBody body)
    {
        var fault = FaultOfOrder(body) ?? body.Order.Select(FaultOf).FirstOrDefault(f => f is not null) ?? FaultOfFlow(body);
        return fault is null ? Done.It : Reasons.BrokenBody.With($"{body.Function}: {fault}");
    }

    private static string? FaultOfOrder(FunctionBody body)
    {
        var known = new HashSet<BodyBlock>();
        var ids = new HashSet<int>();
        foreach (var block in body.Order)
        {
            if (!known.Add(block)) return $"{block} is in the order twice";
            if (!ids.Add(block.Id)) return $"two blocks have the number {block.Id}";
        }
        if (body.Entries.Count == 0) return "no entry";
        if (body.Entries.FirstOrDefault(e => !known.Contains(e)) is { } entry) return $"the entry {entry} is not in the order";
        foreach (var block in body.Order)
        {
            foreach (var successor in FunctionBody.SuccessorsOf(block.End))
            {
                if (!known.Contains(successor)) return $"{block} leads to {successor}, which is not in the order";
            }
        }
        return null;
    }

    private static string? FaultOf(BodyBlock block)
    {
        for (var i = 0; i < block.Instructions.Count; i++)
        {
            var instruction = block.Instructions[i];
            if (instruction.IsInvalid) return $"{block} holds an invalid instruction";
            if (IsTransfer(instruction)) return $"{block} holds a control transfer: {instruction}";
            if (instruction.FlowControl != FlowControl.Exception) continue;
            if (i + 1 < block.Instructions.Count) return $"{block} goes on after {instruction}";
            if (block.End is not Terminator.Unreachable) return $"{block} leads on after {instruction}";
        }
        return FaultOf(block.End) is { } fault ? $"{block}: {fault}" : null;
    }

    private static bool IsTransfer(in Instruction instruction) => instruction.FlowControl switch
    {
        FlowControl.UnconditionalBranch or FlowControl.ConditionalBranch or FlowControl.IndirectBranch or FlowControl.Return => true,
        FlowControl.XbeginXabortXend => instruction.Mnemonic == Mnemonic.Xbegin,
        _ => false,
    };

    private static string? FaultOf(Terminator end) => end switch
    {
        Terminator.Branch branch when !Conditions.IsValid(branch.Condition) => $"no condition {branch.Condition}",
        Terminator.CounterBranch { Instruction: var i } when !i.IsJcxShort && !i.IsLoop && !i.IsLoopcc => $"{i} is not a counter branch",
        Terminator.Table { Jump.FlowControl: not FlowControl.IndirectBranch } table => $"{table.Jump} is not an indirect jump",
        Terminator.Table table when table.Cases.Count != table.Original.Targets.Length =>
            $"{table.Cases.Count} cases for a table of {table.Original.Targets.Length} entries",
        Terminator.IndirectExit { Jump.FlowControl: not FlowControl.IndirectBranch } exit => $"{exit.Jump} is not an indirect jump",
        Terminator.Return { Instruction.FlowControl: not FlowControl.Return } end2 => $"{end2.Instruction} is not a return",
        _ => null,
    };

    private static string? FaultOfFlow(FunctionBody body)
    {
        if (body.Flow.VertexCount != body.Order.Count) return $"the flow has {body.Flow.VertexCount} blocks, the order {body.Order.Count}";
        foreach (var block in body.Order)
        {
            if (!body.Flow.ContainsVertex(block)) return $"the flow lacks {block}";
            var expected = FunctionBody.SuccessorsOf(block.End).ToHashSet();
            var present = body.Flow.OutEdges(block).Select(e => e.Target).ToHashSet();
            if (!expected.SetEquals(present)) return $"the flow's edges of {block} are not its terminator's";
        }
        return null;
    }
}
