using System.Collections.Immutable;
using System.Numerics;
using Iced.Intel;
using KernOpt.Target;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Live.Stubs;

/// <summary>
/// A sampling probe. One passage in Every, on average, leaves a record; the others cost two instructions where the flags are dead.
/// <code>
///     probe:  dec dword [countdown]          ; not locked: a lost step only moves a sample
///             jns next
///             (step over the red zone, save rax rcx rdx rsi)
///             rdtsc ; countdown = Every ± at most half of it, from the low bits of the time, so that it does not beat with a periodic caller
///             full? lock inc [lost]          ; else:
///             index = lock xadd [head], 1 ; fill record[index mod capacity] ; its sequence word last
///             (restore) ; jmp next
/// </code>
/// </summary>
internal static class ProbeCode
{
    public const ulong MostBytes = 448;

    public const ulong CountdownAt = 0;
    public const ulong HeadAt = 64;
    public const ulong TailAt = 128;
    public const ulong LostAt = 136;
    public const ulong RingAt = 192;

    public const int RecordShift = 7;
    public const int RecordBytes = 1 << RecordShift;
    public const int SequenceIn = 0;
    public const int ArgumentsIn = 8;
    public const int ReturnAddressIn = 56;
    public const int StackPointerIn = 64;
    public const int TimeIn = 72;

    /// <summary>Records that are kept free for threads that passed the check for room at the same time.</summary>
    public const int Slack = 32;

    public static ulong DataBytes(int capacity) => RingAt + ((ulong)capacity << RecordShift);

    /// <summary>Where the registers that a slow passage uses are saved, in words above rsp.</summary>
    private static readonly ImmutableArray<Register> Saved = [Register.RSI, Register.RDX, Register.RCX, Register.RAX];

    public sealed record Plan(Address Data, Address Next, uint Every, int Capacity, bool FlagsDead, int StackDepth, ImmutableArray<Register> Arguments);

    /// <summary>
    /// The countdown starts anew at Base plus a random number of JitterBits bits: on average at Every less 1, at least at half of that, at most at one
    /// and a half times it.
    /// </summary>
    public static (uint Base, int JitterBits) Reload(uint every)
    {
        var bits = every < 2 ? 0 : Math.Min(BitOperations.Log2(every), 30);
        return bits == 0 ? (0, 0) : (every - (1u << bits) / 2 - 1, bits);
    }

    public static Outcome<byte[]> Assemble(Address at, Plan plan) => StubAssembler.Assemble(at, c => Write(c, plan));

    private static void Write(Assembler c, Plan plan)
    {
        var slow = c.CreateLabel();
        var full = c.CreateLabel();
        var leave = c.CreateLabel();
        if (!plan.FlagsDead) c.SaveFlags();
        c.AddInstruction(Instruction.Create(Iced.Intel.Code.Dec_rm32, In(plan, CountdownAt)));
        if (plan.FlagsDead)
        {
            c.jns(plan.Next.Value);
            c.lea(rsp, __[rsp - StubAssembler.RedZone]);
        }
        else
        {
            c.js(slow);
            c.RestoreFlags();
            c.jmp(plan.Next.Value);
            c.Label(ref slow);
        }
        c.push(rax);
        c.push(rcx);
        c.push(rdx);
        c.push(rsi);
        WriteReload(c, plan);
        c.AddInstruction(Instruction.Create(Iced.Intel.Code.Mov_r64_rm64, Register.RAX, In(plan, HeadAt)));
        c.AddInstruction(Instruction.Create(Iced.Intel.Code.Sub_r64_rm64, Register.RAX, In(plan, TailAt)));
        c.cmp(rax, plan.Capacity - Slack);
        c.jae(full);
        WriteRecord(c, plan);
        c.jmp(leave);
        c.Label(ref full);
        c.LockedIncrement(plan.Data + LostAt);
        c.Label(ref leave);
        c.pop(rsi);
        c.pop(rdx);
        c.pop(rcx);
        c.pop(rax);
        if (plan.FlagsDead) c.lea(rsp, __[rsp + StubAssembler.RedZone]);
        else c.RestoreFlags();
        c.jmp(plan.Next.Value);
    }

    /// <summary>Leaves the time stamp in rdx. The low bits are spread by a multiplication (Knuth, TAOCP 3, §6.4).</summary>
    private static void WriteReload(Assembler c, Plan plan)
    {
        var (start, bits) = Reload(plan.Every);
        c.rdtsc();
        c.shl(rdx, 32);
        c.or(rdx, rax);
        if (bits == 0)
        {
            c.AddInstruction(Instruction.Create(Iced.Intel.Code.Mov_rm32_imm32, In(plan, CountdownAt), 0));
            return;
        }
        c.imul(eax, eax, unchecked((int)0x9E3779B1));
        c.shr(eax, (byte)(32 - bits));
        c.add(eax, (int)start);
        c.AddInstruction(Instruction.Create(Iced.Intel.Code.Mov_rm32_r32, In(plan, CountdownAt), Register.EAX));
    }

    private static void WriteRecord(Assembler c, Plan plan)
    {
        c.mov(eax, 1);
        var reserve = Instruction.Create(Iced.Intel.Code.Xadd_rm64_r64, In(plan, HeadAt), Register.RAX);
        reserve.HasLockPrefix = true;
        c.AddInstruction(reserve);
        c.mov(ecx, eax);
        c.and(ecx, plan.Capacity - 1);
        c.shl(rcx, RecordShift);
        c.AddInstruction(Instruction.Create(Iced.Intel.Code.Lea_r64_m, Register.RSI, In(plan, RingAt)));
        c.add(rcx, rsi);
        c.mov(__qword_ptr[rcx + SequenceIn], 0);
        c.mov(__qword_ptr[rcx + TimeIn], rdx);
        for (var i = 0; i < plan.Arguments.Length; i++) WriteArgument(c, plan.Arguments[i], ArgumentsIn + 8 * i);

        var depth = StubAssembler.RedZone + (plan.FlagsDead ? 0 : 8) + 8 * Saved.Length + plan.StackDepth;
        c.mov(rdx, __qword_ptr[rsp + depth]);
        c.mov(__qword_ptr[rcx + ReturnAddressIn], rdx);
        c.lea(rdx, __[rsp + depth]);
        c.mov(__qword_ptr[rcx + StackPointerIn], rdx);
        c.inc(rax);
        c.mov(__qword_ptr[rcx + SequenceIn], rax);
    }

    private static void WriteArgument(Assembler c, Register place, int offset)
    {
        if (place == Register.None)
        {
            c.mov(__qword_ptr[rcx + offset], 0);
            return;
        }
        var saved = Saved.IndexOf(place);
        if (saved >= 0)
        {
            c.mov(rdx, __qword_ptr[rsp + 8 * saved]);
            c.mov(__qword_ptr[rcx + offset], rdx);
        }
        else c.mov(__qword_ptr[rcx + offset], new AssemblerRegister64(place));
    }

    private static MemoryOperand In(Plan plan, ulong offset) => StubAssembler.At(plan.Data + offset);
}
