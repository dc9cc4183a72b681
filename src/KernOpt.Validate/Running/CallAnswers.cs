using Iced.Intel;
using KernOpt.Linux.Native;
using KernOpt.Validate.Sandboxing;

namespace KernOpt.Validate.Running;

/// <summary>
/// Plays whatever the code under test calls. The answer is decided by the run's seed and the number of the event, never by the code's state, so that
/// original and version are answered alike: results, registers, and stores to memory that a callee could reach. Caller-saved registers are trashed or,
/// in every other answer, kept: gcc's -fipa-ra lets a caller rely on what a callee it knows leaves alone.
/// </summary>
internal sealed class CallAnswers(CodeFacts facts, SandboxMemory memory, SandboxLayout layout)
{
    private const int DeadBytes = 64;

    /// <summary>Registers as they are after a call that returned to <paramref name="returnTo"/>. Writes memory of the sandbox.</summary>
    public Registers Answer(in Registers atCallee, ulong returnTo, RunInput input, int index)
    {
        var random = new DeterministicRandom(DeterministicRandom.Mix(input.Seed, (ulong)index + 0x1000));
        StoreAsCallee(atCallee, input, random);
        OverwriteDeadStack(atCallee.Rsp, random);
        var after = atCallee;
        if (Trashes(input, index))
        {
            foreach (var register in GeneralRegisters.CallerSaved) GeneralRegisters.Set(ref after, register, random.Next());
        }
        after.Rax = Result(random);
        after.Rip = returnTo;
        after.Rsp += 8;
        after.Flags = Flags(random);
        after.OriginalRax = ulong.MaxValue;
        return after;
    }

    /// <summary>Whether this call changes every register that it may.</summary>
    public static bool Trashes(RunInput input, int index) => (DeterministicRandom.Mix(input.Seed, (ulong)index + 0x4000) & 1) == 0;

    /// <summary>Registers after a system call (SDM volume 2, SYSCALL: rcx and r11 are lost; alike in both, for rcx would tell where the code lies).</summary>
    public static Registers AnswerSystemCall(in Registers atCall, RunInput input, int index)
    {
        var random = new DeterministicRandom(DeterministicRandom.Mix(input.Seed, (ulong)index + 0x2000));
        var result = random.Below(4) switch
        {
            0 => 0UL,
            1 => unchecked((ulong)-random.Below(40)),
            2 => (ulong)random.Below(4096),
            _ => (ulong)uint.MaxValue & random.Next(),
        };
        return atCall with { Rax = result, Rcx = random.Next(), R11 = random.Next(), OriginalRax = ulong.MaxValue };
    }

    /// <summary>The arithmetic flags at random; interrupts and the reserved bit on, direction and trap off (psABI 3.2.1: DF is clear at entry and return).</summary>
    public static ulong Flags(DeterministicRandom random) => 0x202 | (random.Next() & 0x8d5);

    private ulong Result(DeterministicRandom random) => random.Below(8) switch
    {
        0 or 1 => 0,
        2 => 1,
        3 => ulong.MaxValue,
        4 => (ulong)random.Below(64),
        5 or 6 => layout.Scratch + (ulong)random.Below((int)SandboxLayout.ScratchBytes / 16) * 8,
        _ => random.Next(),
    };

    /// <summary>
    /// The slot of the return address and what lies below are the callee's to use. Code that reads what it never wrote must not find there where it lies itself.
    /// </summary>
    private void OverwriteDeadStack(ulong stackPointer, DeterministicRandom random)
    {
        Span<byte> dead = stackalloc byte[DeadBytes];
        random.Fill(dead);
        if (layout.IsStack(stackPointer - DeadBytes)) memory.TryWrite(stackPointer + 8 - DeadBytes, dead);
    }

    /// <summary>Up to three small stores through pointers that were handed over, now or at entry, and to variables that the original names.</summary>
    private void StoreAsCallee(in Registers atCallee, RunInput input, DeterministicRandom random)
    {
        Span<byte> bytes = stackalloc byte[8];
        for (var store = random.Below(4); store > 0; store--)
        {
            var offset = (ulong)random.Pick(facts.Displacements);
            var at = random.Below(3) switch
            {
                0 => GeneralRegisters.Get(atCallee, random.Pick(GeneralRegisters.Arguments)),
                1 => input.Argument(random.Below(6)) + offset,
                _ => facts.Globals.Count == 0 ? input.Argument(0) : random.Pick(facts.Globals),
            };
            var value = random.OneIn(3) ? random.Next() : (ulong)random.Below(16);
            var size = random.OneIn(2) ? 4 : 1 << random.Below(4);
            BitConverter.TryWriteBytes(bytes, value);
            // The frames above the callee are not its own to change, but for what it is given pointers to: never the slot it returns through.
            if (at - atCallee.Rsp < 8 || atCallee.Rsp - at < 8 || at - layout.EntryStackPointer < 8 || layout.EntryStackPointer - at < 8) continue;
            if (layout.IsStack(at) && at < atCallee.Rsp) continue;
            memory.TryWrite(at, bytes[..size]);
        }
    }
}
