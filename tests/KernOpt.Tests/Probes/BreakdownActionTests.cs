using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Live.Points;
using KernOpt.Probes;
using KernOpt.Probes.Actions;
using KernOpt.Probes.Language;
using KernOpt.Target;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Tests.Probes;

/// <summary>A function that calls through a register, in an emulated machine: what is of the function and what of the call.</summary>
public sealed class BreakdownActionTests : IDisposable
{
    private const int Entry = 0, Before = 2, After = 3, Exit = 5;
    private const ulong Callee = 0x1234_5678;

    private readonly EmulatedPoint point = new(c =>
    {
        c.push(rbx);
        c.push(rbp);
        c.call(rax);
        c.pop(rbp);
        c.pop(rbx);
        c.ret();
    });
    private readonly BreakdownAction action;
    private readonly Dictionary<int, (ulong, ulong)> code = [];
    private readonly ProbeProgram program;
    private readonly MachineState state;

    // What the words of each point hold, since all of them have one place in the emulated machine.
    private readonly Dictionary<int, ulong[]> words = [];

    public BreakdownActionTests()
    {
        action = new BreakdownAction(EmulatedPoint.ThreadNumberOffset, point.Graph.Function.Start, Entry);
        program = ProbeProgram.Of(null, action).Value;
        foreach (var index in new[] { Entry, Before, After, Exit })
        {
            Assert.Null(program.Check(point.Graph, At(index)));
            code[index] = point.Emit(program, LiveSet.All, index);
            words[index] = new ulong[program.Words];
        }
        point.Clear(program);
        state = point.Arrive(new Random(1));
    }

    private BreakdownTimes Times => action.Read(words.Select(w => (point.Graph, At(w.Key), (Func<int, ulong>)(i => w.Value[i]))), w => point.SharedWord(program, w), ulong.MaxValue / 2);
    private (ulong NoRoom, ulong Replaced) Missed => BreakdownAction.Missed(w => point.SharedWord(program, w));

    public void Dispose() => point.Dispose();

    [Fact]
    public void ACallOfTheFunction_HasItsCallsAsParts_ByTarget()
    {
        Pass(Entry);
        for (var call = 0; call < 3; call++)
        {
            Pass(Before);
            Pass(After);
        }
        Pass(Exit);
        var times = Times;
        Assert.Equal((1UL, 1UL, 0UL), (times.Begun, times.Ended, times.NoEntry));
        var part = Assert.Single(times.Parts, p => p.Key.Target is not null);
        Assert.Equal((new Address(Callee), 3UL), (part.Key.Target!.Value, part.Value.Calls));
        Assert.InRange(part.Value.Cycles, 1UL, times.Cycles - 1);
        Assert.Equal((0UL, 0UL), Missed);
    }

    /// <summary>Time of the calls further in is of the outermost.</summary>
    [Fact]
    public void Recursion_CountsOnce()
    {
        for (var depth = 0; depth < 4; depth++) Pass(Entry, -64 * depth);
        // The second, inside of the first, is a part of that.
        Pass(Before, -64);
        Pass(Before, -192);
        Pass(After, -192);
        Pass(After, -64);
        for (var depth = 3; depth >= 0; depth--) Pass(Exit, -64 * depth);
        Assert.Equal((1UL, 1UL, 0UL), (Times.Begun, Times.Ended, Times.NoEntry));
        Assert.Equal(1UL, Times.Parts.Single(p => p.Key.Target is not null).Value.Calls);
        Assert.Equal((0UL, 0UL), Missed);
    }

    /// <summary>A detector that cannot see double counting would be none: the time action counts each call of a recursion.</summary>
    [Fact]
    public void Recursion_WouldCountTwice_IfEachCallWereTimed()
    {
        var every = ProbeProgram.Of(null, new TimeAction(EmulatedPoint.ThreadNumberOffset)).Value;
        var (enter, leave) = (point.Emit(every, LiveSet.All, Entry), point.Emit(every, LiveSet.All, Exit));
        point.Clear(every);
        foreach (var (passage, frame) in new[] { (enter, 0), (enter, -64), (leave, -64), (leave, 0) }) Pass(passage, frame);
        Assert.Equal(2UL, TimeAction.Read(point.Word).Calls);
    }

    [Fact]
    public void ACallThatLasts_IsInThereUntilNow_WithItsPart()
    {
        Pass(Entry);
        Pass(Before);
        var times = Times;
        Assert.Equal((1UL, 0UL), (times.Begun, times.Ended));
        var part = Assert.Single(times.Parts, p => p.Key.Target == new Address(Callee));
        Assert.InRange(part.Value.Cycles, times.Cycles / 2, times.Cycles);
    }

    /// <summary>What a longjmp left behind is replaced by a call at that place, and counted as lost.</summary>
    [Fact]
    public void ACallThatIsLeftByALongjmp_IsReplaced_AndTold()
    {
        Pass(Entry);
        Pass(Before);
        Pass(Entry);
        Pass(Exit);
        Assert.Equal((2UL, 1UL), (Times.Begun, Times.Ended));
        Assert.Equal((0UL, 1UL), Missed);
        Assert.DoesNotContain(Times.Parts, p => p.Value.Calls > 0);
    }

    [Fact]
    public void ACallInTheFunction_ThatWasNotSeenToComeIn_IsNoPart()
    {
        Pass(Before);
        Pass(After);
        Pass(Exit);
        Assert.Equal((0UL, 0UL, 1UL), (Times.Cycles, Times.Begun, Times.NoEntry));
        Assert.DoesNotContain(Times.Parts, p => p.Value.Calls > 0);
    }

    [Fact]
    public void AThreadThatIsTakenToHaveComeIn_HasItsCallsAsParts()
    {
        var adopting = action with { Adopts = true };
        var adopts = ProbeProgram.Of(null, adopting).Value;
        var before = point.Emit(adopts, LiveSet.All, Before);
        Pass(before, 0);
        Pass(After);
        Assert.Equal(1UL, Times.Parts.Single(p => p.Key.Target is not null).Value.Calls);
        Assert.True(Times.Cycles > 0);
    }

    [Fact]
    public void OtherThreads_HaveTimesOfTheirOwn()
    {
        Pass(Entry, 0, 7);
        Pass(Entry, 0, 8);
        Pass(Exit, 0, 8);
        Assert.Equal((2UL, 1UL), (Times.Begun, Times.Ended));
        Pass(Exit, 0, 7);
        Assert.Equal((2UL, 2UL, 0UL), (Times.Begun, Times.Ended, Times.NoEntry));
    }

    /// <summary>Whatever register keeps the flags meanwhile: the target is the function's, read where that was.</summary>
    [Theory]
    [InlineData("call rbp")]
    [InlineData("call [rbp+8]")]
    [InlineData("call [r12+rbp*8]")]
    public void ATargetInAnyRegister_IsTheFunctions(string call)
    {
        using var other = new EmulatedPoint(c =>
        {
            c.push(rbx);
            c.push(rbp);
            switch (call)
            {
                case "call rbp": c.call(rbp); break;
                case "call [rbp+8]": c.call(__qword_ptr[rbp + 8]); break;
                default: c.call(__qword_ptr[r12 + rbp * 8]); break;
            }
            c.pop(rbp);
            c.pop(rbx);
            c.ret();
        });
        var adopting = new BreakdownAction(EmulatedPoint.ThreadNumberOffset, other.Graph.Function.Start, Entry) { Adopts = true };
        var calls = ProbeProgram.Of(null, adopting).Value;
        var random = new Random(5);
        for (var i = 0; i < 30; i++)
        {
            // All is live, or all but some of what the call does not need.
            var live = LiveSet.All - (i == 0 ? LiveSet.Empty : Enumerable.Range(0, 4).Aggregate(LiveSet.Empty, (set, _) => set | LiveSet.Of(Spare[random.Next(Spare.Length)])));
            var before = other.Emit(calls, live, Before);
            other.Clear(calls);
            var there = other.Arrive(random);
            var pointed = there.General[Register.RDI - Register.RAX] + 8;
            there.General[Register.RBP - Register.RAX] = call == "call rbp" ? Callee : pointed - 8;
            there.General[Register.R12 - Register.RAX] = pointed - 8 * (pointed - 8);
            there.General[MachineState.Rsp] -= 16;
            Assert.Null(other.Pass(before, there, live));
            var times = adopting.Read([(other.Graph, new Point(other.Graph.Entry, Before), w => other.Word(w))], w => other.SharedWord(calls, w), ulong.MaxValue / 2);
            var wanted = call == "call rbp" ? Callee : other.Memory(pointed);
            Assert.Contains(times.Parts, p => p.Key.Target == new Address(wanted));
        }
    }

    private static readonly Register[] Spare = [Register.RAX, Register.RCX, Register.RDX, Register.RSI, Register.RDI, Register.RBX, Register.R8, Register.R13, Register.R15];

    [Fact]
    public void AnInstructionBesideAllCalls_IsRefused() => Assert.Equal(Reasons.NotTimed, program.Check(point.Graph, At(1))!.Reason);

    private Point At(int index) => new(point.Graph.Entry, index);

    private void Pass(int index, int frame = 0, uint thread = EmulatedPoint.ThreadNumberIs)
    {
        for (var word = 0; word < program.Words; word++) point.StoreWord(word, words[index][word]);
        Pass(code[index], frame, thread, index);
        for (var word = 0; word < program.Words; word++) words[index][word] = point.Word(word);
    }

    /// <summary>The stack pointer is two pushes lower between them than at the entry and the exit.</summary>
    private void Pass((ulong, ulong) passage, int frame, uint thread = EmulatedPoint.ThreadNumberIs, int index = Before)
    {
        point.SetThreadNumber(thread);
        var there = state.Copy();
        there.General[MachineState.Rsp] += (ulong)(frame - (index is Before or After ? 16 : 0));
        there.General[Register.RAX - Register.RAX] = Callee;
        Assert.Null(point.Pass(passage, there, LiveSet.All));
    }
}
