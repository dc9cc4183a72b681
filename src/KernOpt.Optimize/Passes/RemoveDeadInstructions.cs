using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Images;
using KernOpt.Optimize.Facts;

namespace KernOpt.Optimize.Passes;

/// <summary>
/// Drops computations whose results nobody reads. Stores, calls, locked and all other instructions with effects of their own stay
/// (<see cref="PureInstructions"/>); a dead load goes only where it cannot fault (<see cref="Faults"/>).
/// <code>
///     lea    rdx, [rip+T]
///     movsxd rax, [rdx+12]     =>    (nothing)               ; the jump through rax was decided
///     add    rax, rdx
///     jmp    case_3                  jmp  case_3
/// </code>
/// </summary>
internal sealed class RemoveDeadInstructions : IPass
{
    public string Id => "remove-dead-instructions";

    public int Run(FunctionBody body, PassContext context)
    {
        var total = 0;
        // What a removed instruction read may be dead now in another block: again until nothing is found.
        while (RunOnce(body, context) is var removed and > 0) total += removed;
        return total;
    }

    private static int RunOnce(FunctionBody body, PassContext context)
    {
        var liveness = Liveness.Of(body);
        var flow = context.Values(body);
        var removed = 0;
        foreach (var block in body.Order)
        {
            var safe = SafeToDrop(block, flow, context.Source);
            var live = liveness.Out(block);
            for (var i = block.Instructions.Count - 1; i >= 0; i--)
            {
                var effects = RegisterEffects.Of(block.Instructions[i]);
                if (safe[i] && !effects.Writes.Overlaps(live))
                {
                    block.Instructions.RemoveAt(i);
                    removed++;
                    continue;
                }
                live = effects.LiveBefore(live);
            }
        }
        return removed;
    }

    private static bool[] SafeToDrop(BodyBlock block, FactsFlow flow, ICodeSource? source)
    {
        var safe = new bool[block.Instructions.Count];
        if (flow.AtStart(block) is not { } facts) return safe;
        for (var i = 0; i < safe.Length; i++)
        {
            var instruction = block.Instructions[i];
            safe[i] = IsRemovable(instruction) && !Faults.MayFault(instruction, facts, source);
            flow.Transfer.Apply(instruction, facts);
        }
        return safe;
    }

    private static bool IsRemovable(in Instruction i)
    {
        if (i.Mnemonic == Mnemonic.Nop) return true;
        if (i.Op0Kind == OpKind.Memory && PureInstructions.WritesOperand(i)) return false;
        return PureInstructions.IsGeneral(i) || (PureInstructions.IsVectorMove(i) && i.Op0Kind == OpKind.Register);
    }
}
