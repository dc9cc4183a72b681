using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Optimize.Facts;
using KernOpt.Target;

namespace KernOpt.Optimize.Passes;

/// <summary>
/// Replaces an instruction whose result is known by a move of that value, when the flags that it writes are dead.
/// <code>
///     lea   eax, [rsi+rsi*2]         mov   eax, 48           ; rsi is 16
///     movzx ecx, byte [rip+tab]  =>  mov   ecx, 7            ; constant data
///     shr   edx, 8                   xor   edx, edx          ; edx is 200, flags are dead
/// </code>
/// A load is only dropped where it cannot fault (<see cref="Faults"/>).
/// </summary>
internal sealed class FoldConstants : IPass
{
    public string Id => "fold-constants";

    public int Run(FunctionBody body, PassContext context)
    {
        var flow = context.Values(body);
        var liveness = Liveness.Of(body);
        var changes = 0;
        foreach (var block in body.Order)
        {
            if (flow.AtStart(block) is { } facts) changes += Fold(block, facts, flow, liveness, context);
        }
        return changes;
    }

    private static int Fold(BodyBlock block, MachineFacts facts, FactsFlow flow, Liveness<BodyBlock> liveness, PassContext context)
    {
        var changes = 0;
        var made = new List<Instruction>(block.Instructions.Count);
        var live = LiveAfterEach(block, liveness);
        for (var i = 0; i < block.Instructions.Count; i++)
        {
            var old = block.Instructions[i];
            var droppable = IsFoldable(old, flow.Transfer) && !Faults.MayFault(old, facts, context.Source);
            flow.Transfer.Apply(old, facts);
            if (!droppable || Replacement(old, facts, live[i], context) is not { } moves)
            {
                made.Add(old);
                continue;
            }
            made.AddRange(moves);
            changes++;
        }
        block.Instructions.Clear();
        block.Instructions.AddRange(made);
        return changes;
    }

    private static LiveSet[] LiveAfterEach(BodyBlock block, Liveness<BodyBlock> liveness)
    {
        var after = new LiveSet[block.Instructions.Count];
        var live = liveness.Out(block);
        for (var i = after.Length - 1; i >= 0; i--)
        {
            after[i] = live;
            live = RegisterEffects.Of(block.Instructions[i]).LiveBefore(live);
        }
        return after;
    }

    /// <summary>Writes general registers and flags only, and is not already as short as a move.</summary>
    private static bool IsFoldable(in Instruction old, Transfer transfer)
    {
        if (transfer.IsOpaque(old) || old.HasLockPrefix || !PureInstructions.IsGeneral(old) || old.Op0Kind == OpKind.Memory && PureInstructions.WritesOperand(old)) return false;
        if (old.Mnemonic == Mnemonic.Mov && old.Op1Kind is not (OpKind.Register or OpKind.Memory)) return false;
        if (old.Mnemonic == Mnemonic.Lea && old.IsIPRelativeMemoryOperand) return false;
        return !(old.Mnemonic is Mnemonic.Xor or Mnemonic.Sub && Transfer.IsSameRegister(old));
    }

    private static List<Instruction>? Replacement(in Instruction old, MachineFacts after, LiveSet live, PassContext context)
    {
        var effects = RegisterEffects.Of(old);
        var moves = new List<Instruction>();
        var written = PureInstructions.WrittenRegisters(old);
        if (written.Count == 0) return null;
        foreach (var register in written)
        {
            if (!after[register].IsConstant || register.GetFullRegister() == Register.RSP) return null;
        }
        if (effects.Writes.Overlaps(LiveSet.Of(LiveSet.AllFlags) & live))
        {
            context.Skip(Reasons.FlagsAreLive, old.IP);
            return null;
        }
        var flagsAreDead = !live.Overlaps(LiveSet.Of(MachineFacts.StatusFlags));
        foreach (var register in written)
        {
            var value = after[register].Value;
            if (live.Overlaps(LiveSet.Of(register))) moves.Add(Move(old, register, value, flagsAreDead));
        }
        return moves;
    }

    /// <summary>The zero idiom writes all status flags: only where none is live.</summary>
    private static Instruction Move(in Instruction old, Register register, ulong value, bool flagsAreDead)
    {
        if (value != 0 || !flagsAreDead || MachineFacts.WidthOf(register) < 32) return Rewrite.MoveImmediate(old, register, value);
        var narrow = Rewrite.Narrow(register, 32);
        return Rewrite.At(old, Instruction.Create(Iced.Intel.Code.Xor_r32_rm32, narrow, narrow));
    }
}
