using Iced.Intel;
using KernOpt.Target;
using Opcode = Iced.Intel.Code;

namespace KernOpt.Code.Bodies;

/// <summary>
/// Adds an execution counter of 64 bits to blocks. It counts as soon as the block is entered, and after <c>endbr64</c>:
/// <code>
///     flags dead          a register dead             neither
///     inc qword [c]       mov  r, [c]                 lea rsp, [rsp-128]     ; below the red zone (psABI 3.2.2)
///                         lea  r, [r+1]               pushfq
///                         mov  [c], r                 inc qword [c]
///                                                     popfq
///                                                     lea rsp, [rsp+128]
/// </code>
/// The increments are not locked: threads that run the same block at the same instant lose some counts, which profiles can bear and proofs cannot.
/// </summary>
public static class BlockCounters
{
    private const int RedZone = 128;

    /// <summary>inc leaves CF alone.</summary>
    private static readonly LiveSet IncFlags = LiveSet.Of(RflagsBits.OF | RflagsBits.SF | RflagsBits.ZF | RflagsBits.AF | RflagsBits.PF);

    /// <summary>A copy that counts; <paramref name="counterFor"/> is asked for each block of the original, and null means not counted.</summary>
    public static FunctionBody Add(FunctionBody body, Func<BodyBlock, Address?> counterFor)
    {
        var liveness = Liveness.Of(body);
        var usable = UsableRegisters(body);
        var copy = BodyCopy.Of(body);
        foreach (var block in body.Order)
        {
            if (counterFor(block) is not { } counter) continue;
            var at = block.Instructions is [{ Mnemonic: Mnemonic.Endbr64 }, ..] ? 1 : 0;
            copy[block].Instructions.InsertRange(at, Increment(counter, liveness.Before(block, at), usable));
        }
        return copy.Body;
    }

    /// <summary>
    /// Registers that the function itself writes: callers may have been compiled to know that it leaves the others alone (gcc's -fipa-ra).
    /// </summary>
    private static List<Register> UsableRegisters(FunctionBody body)
    {
        var written = LiveSet.Empty;
        foreach (var effects in body.Order.SelectMany(b => b.Instructions).Select(i => RegisterEffects.Of(i)))
        {
            if (!effects.IsOpaque) written |= effects.Kills;
        }
        return [.. Enumerable.Range(0, 16).Select(n => Register.RAX + n).Where(r => r != Register.RSP && written.Parts(r) == RegisterPart.All)];
    }

    private static IEnumerable<Instruction> Increment(Address counter, LiveSet live, List<Register> usable)
    {
        var word = new MemoryOperand(Register.RIP, (long)counter.Value);
        var increment = Instruction.Create(Opcode.Inc_rm64, word);
        if (!live.Overlaps(IncFlags)) return [increment];
        var dead = usable.FirstOrDefault(r => live.Parts(r) == RegisterPart.None);
        if (dead != Register.None)
        {
            return
            [
                Instruction.Create(Opcode.Mov_r64_rm64, dead, word),
                Instruction.Create(Opcode.Lea_r64_m, dead, new MemoryOperand(dead, 1)),
                Instruction.Create(Opcode.Mov_rm64_r64, word, dead),
            ];
        }
        return
        [
            Instruction.Create(Opcode.Lea_r64_m, Register.RSP, new MemoryOperand(Register.RSP, -RedZone)),
            Instruction.Create(Opcode.Pushfq),
            increment,
            Instruction.Create(Opcode.Popfq),
            Instruction.Create(Opcode.Lea_r64_m, Register.RSP, new MemoryOperand(Register.RSP, RedZone)),
        ];
    }
}
