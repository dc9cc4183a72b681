using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Live.Stubs;
using KernOpt.Probes.Compile;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Probes.Actions;

/// <summary>
/// <c>break</c>: the thread that passes waits there until it is let go on; all others run on, and those that pass meanwhile are counted and do not wait. Nobody is stopped from outside, so the
/// thread goes on by itself when the time that it was given is over, which whoever watches prolongs (<see cref="Prolong"/>): also when that one has died. Shared words:
/// <code>
///     waiting: thread and point, 0 for nobody ; … ; until: time stamp ; … ; stops ; passed meanwhile
/// </code>
/// </summary>
/// <param name="ThreadNumberOffset">See <see cref="Target.ITarget.FindThreadNumberOffset"/>.</param>
public sealed record BreakAction(int ThreadNumberOffset) : ProbeAction
{
    private const int Waiting = 0, Until = 8, Stops = 16, Passed = 17;

    internal override int Words => 1;
    internal override int SharedWords => 24;
    internal override int MostBytes => 400;

    /// <summary>rdtsc answers in both, cmpxchg compares with rax.</summary>
    internal override ImmutableArray<Register> Named => [Register.RAX, Register.RDX];
    internal override int Registers => 3;

    internal override void Emit(PassageCode passage, int words)
    {
        var code = passage.Code;
        var own = passage.Free(2);
        Label wait = code.CreateLabel(), over = code.CreateLabel(), busy = code.CreateLabel(), done = code.CreateLabel();
        passage.ReadTimeStamp(rax, rdx);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Cmp_r64_rm64, rax, Shared(passage, Until)));
        // Nobody watches.
        code.jae(done);
        passage.FetchThreadNumber(own, ThreadNumberOffset);
        code.mov(rdx, (ulong)(uint)passage.Context.Number + 1 << 32);
        code.or(own, rdx);
        code.mov(eax, 0);
        code.AddInstruction(Exchange(passage, own));
        code.jne(busy);
        code.LockedIncrement(passage.Context.SharedWord(Stops));
        code.LockedIncrement(passage.Context.Word(words));
        code.Label(ref wait);
        passage.WaitALittle();
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Cmp_rm64_r64, Shared(passage, Waiting), own));
        code.jne(done);
        passage.ReadTimeStamp(rax, rdx);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Cmp_r64_rm64, rax, Shared(passage, Until)));
        code.jb(wait);
        code.mov(rax, own);
        code.mov(edx, 0);
        code.AddInstruction(Exchange(passage, rdx));
        code.jmp(done);
        code.Label(ref busy);
        code.LockedIncrement(passage.Context.SharedWord(Passed));
        code.Label(ref done);
        code.nop();
    }

    private static Instruction Exchange(PassageCode passage, AssemblerRegister64 with)
    {
        var exchange = Instruction.Create(Iced.Intel.Code.Cmpxchg_rm64_r64, Shared(passage, Waiting), with);
        exchange.HasLockPrefix = true;
        return exchange;
    }

    private static MemoryOperand Shared(PassageCode passage, int word) => StubAssembler.At(passage.Context.SharedWord(word));

    /// <summary>The thread that waits, and before which point; null for none. Word: of the shared words.</summary>
    public static (int Thread, int Point)? WhoWaits(Func<int, ulong> word) => word(Waiting) is not 0 and var waiting ? ((int)(uint)waiting, (int)(waiting >> 32) - 1) : null;

    /// <summary>Threads wait, and go on waiting, no longer than until this time stamp; 0 lets all go on.</summary>
    public static void Prolong(Action<int, ulong> store, ulong until) => store(Until, until);

    /// <summary>Lets the one that waits go on.</summary>
    public static void Release(Action<int, ulong> store) => store(Waiting, 0);

    /// <summary>How many threads waited, and how many passed while another one did.</summary>
    public static (ulong Stops, ulong Passed) Read(Func<int, ulong> word) => (word(Stops), word(Passed));

    public override string ToString() => "break";
}
