using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Optimize.Facts;

namespace KernOpt.Optimize.Passes;

/// <summary>
/// Turns a conditional jump whose flags are known into an unconditional one, and setcc and cmovcc into moves. None of them writes flags, nor does mov.
/// <code>
///     xor   edx, edx
///     test  edx, edx                 test  edx, edx
///     je    L              =>        jmp   L
///     cmovne rax, rcx      =>        (nothing)
/// </code>
/// </summary>
internal sealed class DecideBranches : IPass
{
    public string Id => "decide-branches";

    public int Run(FunctionBody body, PassContext context)
    {
        var flow = context.Decisions(body);
        var changes = 0;
        foreach (var block in body.Order)
        {
            if (flow.AtStart(block) is not { } facts) continue;
            changes += DecideMoves(block, facts, flow.Transfer);
            if (block.End is not Terminator.Branch branch || Conditions.Holds(branch.Condition, facts) is not { } holds) continue;
            block.End = new Terminator.Goto(holds ? branch.Taken : branch.Else);
            changes++;
        }
        if (changes > 0) body.Rebuild();
        return changes;
    }

    /// <summary>Advances the facts to the block's end on the way.</summary>
    private static int DecideMoves(BodyBlock block, MachineFacts facts, Transfer transfer)
    {
        var changes = 0;
        var kept = new List<Instruction>(block.Instructions.Count);
        foreach (var instruction in block.Instructions)
        {
            var holds = Conditions.Holds(instruction.ConditionCode, facts);
            transfer.Apply(instruction, facts);
            if (holds is not { } known || Decided(instruction, known) is not { } replacement)
            {
                kept.Add(instruction);
                continue;
            }
            if (replacement.Mnemonic != Mnemonic.Nop) kept.Add(replacement);
            changes++;
        }
        block.Instructions.Clear();
        block.Instructions.AddRange(kept);
        return changes;
    }

    /// <summary>What does the same when the condition is known; nop for nothing at all, null when it is to stay.</summary>
    private static Instruction? Decided(in Instruction instruction, bool holds)
    {
        if (instruction.IsSetcc())
        {
            return instruction.Op0Kind == OpKind.Register ? Rewrite.MoveImmediate(instruction, instruction.Op0Register, holds ? 1u : 0u) : null;
        }
        // A load by cmov happens, and may fault, whether or not it moves: only the form that moves may become a plain load.
        if (!instruction.IsCmovcc() || (!holds && instruction.Op1Kind == OpKind.Memory)) return null;
        if (holds) return Rewrite.Move(instruction, instruction.Op0Register, instruction);
        return MachineFacts.WidthOf(instruction.Op0Register) == 32
            ? Rewrite.Move(instruction, instruction.Op0Register, instruction.Op0Register)
            : Instruction.Create(Iced.Intel.Code.Nopd);
    }
}
