using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Optimize.Facts;
using KernOpt.Optimize.Passes;
using KernOpt.Target;
using static Iced.Intel.Code;

namespace KernOpt.Optimize.Guards;

/// <summary>
/// Checks the bindings where control comes in, and counts and leaves when one does not hold.
/// <code>
///     cmp  ebx, 16
///     jne  miss
///     cmp  r12, 7
///     jne  miss
///     …                       ; the specialized code
/// miss:
///     lock inc qword [misses]
///     jmp  original
/// </code>
/// Flags, registers and memory (but the counter) are untouched on both ways, except for a free register that takes a value of more than 32 bits.
/// </summary>
internal sealed class EntryGuard(FunctionBody body, GuardTargets targets, LiveSet liveAtSite, LiveSet writtenByOriginal, IReadOnlyList<Instruction> prefix)
{
    /// <summary>
    /// Makes the guard in front of a block, which must be the body's first entry, and makes it the entry instead. Answers the block that runs when all bindings
    /// hold.
    /// </summary>
    public Outcome<BodyBlock> Insert(BodyBlock site, IReadOnlyList<EntryBinding> bindings, ArgumentPlaces places)
    {
        var flags = FlagsAcrossGuard.Choose(liveAtSite.Overlaps(LiveSet.Of(MachineFacts.StatusFlags)), prefix);
        var miss = MissBlock(flags);
        var passed = body.NewBlock();
        passed.Instructions.AddRange(flags.After);
        passed.End = new Terminator.Goto(site);
        var needed = ReadByGuard(bindings, places, flags);
        BodyBlock? first = null, last = null;
        foreach (var binding in bindings)
        {
            var check = body.NewBlock();
            if (first is null) check.Instructions.AddRange(flags.Before);
            if (Compare(binding, places, needed, check.Instructions) is { } why) return why;
            check.End = new Terminator.Branch(ConditionCode.ne, miss, passed);
            if (last is { End: Terminator.Branch before }) last.End = before with { Else = check };
            first ??= check;
            last = check;
        }
        body.Entries[0] = first ?? passed;
        return passed;
    }

    private BodyBlock MissBlock(FlagsAcrossGuard flags)
    {
        var miss = body.NewBlock();
        if (targets.MissCounter is { } counter)
        {
            var increment = Instruction.Create(Inc_rm64, new MemoryOperand(Register.RIP, Register.None, 1, (long)counter.Value, 8));
            increment.HasLockPrefix = true;
            miss.Instructions.Add(increment);
        }
        miss.Instructions.AddRange(flags.After);
        miss.End = new Terminator.Exit(targets.Fallback);
        return miss;
    }

    /// <summary>What the guard itself reads, also where it is dead behind the site: no value may be loaded there.</summary>
    private static LiveSet ReadByGuard(IReadOnlyList<EntryBinding> bindings, ArgumentPlaces places, FlagsAcrossGuard flags)
    {
        var read = LiveSet.Empty;
        foreach (var instruction in flags.After) read |= RegisterEffects.Of(instruction).Reads;
        foreach (var place in bindings.Select(b => places.Find(b.Argument, b.Bits)).Where(p => p != Register.None)) read |= LiveSet.Of(place);
        return read;
    }

    private Refusal? Compare(EntryBinding binding, ArgumentPlaces places, LiveSet needed, List<Instruction> into)
    {
        var place = places.Find(binding.Argument, binding.Bits);
        if (place == Register.None) return Reasons.ArgumentLostBeforeSite.With($"{binding.Argument}");
        var register = Rewrite.Narrow(place, binding.Bits);
        var value = (long)KnownBits.Of(binding.Value).SignExtend(binding.Bits).Value;
        if (value == 0) into.Add(Instruction.Create(binding.Bits == 64 ? Test_rm64_r64 : Test_rm32_r32, register, register));
        else if (value == (sbyte)value) into.Add(Instruction.Create(binding.Bits == 64 ? Cmp_rm64_imm8 : Cmp_rm32_imm8, register, (int)value));
        else if (value == (int)value) into.Add(Instruction.Create(binding.Bits == 64 ? Cmp_rm64_imm32 : Cmp_rm32_imm32, register, (int)value));
        else
        {
            var free = Free.FirstOrDefault(r => (liveAtSite | needed).Parts(r) == RegisterPart.None && writtenByOriginal.Parts(r) != RegisterPart.None);
            if (free == Register.None) return Reasons.NoRegisterForGuard.With($"{binding}");
            into.Add(Instruction.Create(Mov_r64_imm64, free, binding.Value));
            into.Add(Instruction.Create(Cmp_r64_rm64, register, free));
        }
        return null;
    }

    private static readonly Register[] Free =
        [Register.RAX, Register.R11, Register.R10, Register.RCX, Register.RDX, Register.RSI, Register.RDI, Register.R8, Register.R9];
}
