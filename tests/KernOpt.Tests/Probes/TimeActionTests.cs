using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Live.Points;
using KernOpt.Probes;
using KernOpt.Probes.Actions;
using KernOpt.Probes.Language;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Probes;

/// <summary>Calls that begin and end in an emulated machine, also those that do only one of both.</summary>
public sealed class TimeActionTests : IDisposable
{
    private readonly EmulatedPoint point = new();
    private readonly ProbeProgram program;
    private readonly (ulong, ulong) enter, leave;
    private readonly MachineState state;

    public TimeActionTests()
    {
        program = ProbeProgram.Of(null, new TimeAction(EmulatedPoint.ThreadNumberOffset)).Value;
        Assert.Null(program.Check(point.Graph, new Point(point.Graph.Entry, EmulatedPoint.Entry)));
        Assert.Null(program.Check(point.Graph, new Point(point.Graph.Entry, EmulatedPoint.Exit)));
        enter = point.Emit(program, LiveSet.All, EmulatedPoint.Entry);
        leave = point.Emit(program, LiveSet.All, EmulatedPoint.Exit);
        point.Clear(program);
        state = point.Arrive(new Random(1));
    }

    private CallTimes Times => TimeAction.Read(point.Word);
    private (ulong NoRoom, ulong NoEntry) Missed => TimeAction.Missed(w => point.SharedWord(program, w));

    public void Dispose() => point.Dispose();

    private void GiveRow(bool gives)
    {
        if (gives) TimeAction.GiveRows([(int)EmulatedPoint.ThreadNumberIs], w => point.SharedWord(program, w), (w, value) => point.StoreWord(program.Words + w, value));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ACall_IsTimedOnce(bool hasRow)
    {
        GiveRow(hasRow);
        Enter();
        Assert.Equal(0UL, Times.Calls);
        Leave();
        Assert.Equal(1UL, Times.Calls);
        Assert.Equal(1UL, Times.Histogram.Single(n => n > 0));
        Assert.InRange(Times.Sum, 1UL, Times.AtMost(1));
        Assert.True(Times.Sum * 2 > Times.AtMost(1), $"{Times.Sum} in a bucket up to {Times.AtMost(1)}");
        Assert.Equal((0UL, 0UL), Missed);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Recursion_IsTimedCallByCall(bool hasRow)
    {
        GiveRow(hasRow);
        for (var depth = 0; depth < 5; depth++) Enter(-64 * depth);
        for (var depth = 4; depth >= 0; depth--) Leave(-64 * depth);
        Assert.Equal(5UL, Times.Calls);
        Assert.Equal((0UL, 0UL), Missed);
    }

    /// <summary>More calls in each other than a row has marks for: those that find none are told.</summary>
    [Fact]
    public void DeepRecursion_IsTimedOrTold()
    {
        GiveRow(true);
        const int depth = 100;
        for (var n = 0; n < depth; n++) Enter(-16 * n);
        for (var n = depth - 1; n >= 0; n--) Leave(-16 * n);
        Assert.InRange(Times.Calls, 64UL, 72UL);
        Assert.Equal((depth - Times.Calls, depth - Times.Calls), Missed);
    }

    /// <summary>What lay deeper in the stack is over when a call comes further up, whatever became of it.</summary>
    [Fact]
    public void MarksThatWereLeftBehind_MakeRoomForCallsFurtherUp()
    {
        GiveRow(true);
        for (var round = 0; round < 50; round++)
        {
            for (var n = 0; n < 3; n++) Enter(-512 * n);
            Enter(1024);
            Leave(1024);
        }
        Assert.Equal(50UL, Times.Calls);
        Assert.Equal((0UL, 0UL), Missed);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AnExitThatNobodySawBegin_IsNotTimed(bool hasRow)
    {
        GiveRow(hasRow);
        Leave();
        Assert.Equal(0UL, Times.Calls);
        Assert.Equal((0UL, 1UL), Missed);
    }

    /// <summary>What a longjmp left behind is taken over by the next call at the same place, whose own time counts.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ACallThatIsLeftByALongjmp_DoesNotLengthenTheNext(bool hasRow)
    {
        GiveRow(hasRow);
        Enter();
        for (var wait = 0; wait < 2000; wait++) Enter(-512);
        Enter();
        Leave();
        Assert.Equal(1UL, Times.Calls);
        Leave();
        Assert.Equal((0UL, 1UL), Missed);
    }

    [Fact]
    public void MoreCallsAtOnceThanThereIsRoom_AreToldNotTimed()
    {
        const int calls = 3000;
        for (var i = 0; i < calls; i++) Enter(0, (uint)i + 1);
        for (var i = 0; i < calls; i++) Leave(0, (uint)i + 1);
        Assert.True(Times.Calls is > 700 and < 1100, $"{Times.Calls} timed");
        Assert.Equal((calls - Times.Calls, calls - Times.Calls), Missed);
    }

    [Fact]
    public void AnInstructionThatIsNeitherEntryNorExit_IsRefused() =>
        Assert.Equal(Reasons.NotTimed, program.Check(point.Graph, new Point(point.Graph.Entry, EmulatedPoint.Index))!.Reason);

    [Fact]
    public void ThePredicate_IsAskedAtTheEntryAlone()
    {
        var few = ProbeProgram.Of(new BinaryOperation(BinaryOperator.Equal, new Argument(1), new Number(7)), new TimeAction(EmulatedPoint.ThreadNumberOffset)).Value;
        Assert.Null(few.Check(point.Graph, new Point(point.Graph.Entry, EmulatedPoint.Exit)));
        var (begins, ends) = (point.Emit(few, LiveSet.All, EmulatedPoint.Entry), point.Emit(few, LiveSet.All, EmulatedPoint.Exit));
        foreach (var argument in new ulong[] { 7, 8, 7 })
        {
            state.General[Register.RSI - Register.RAX] = argument;
            Assert.Null(point.Pass(begins, state, LiveSet.All));
            state.General[Register.RSI - Register.RAX] = 1;
            Assert.Null(point.Pass(ends, state, LiveSet.All));
        }
        Assert.Equal((2UL, (0UL, 1UL)), (Times.Calls, Missed));
    }

    /// <summary>A call that is not timed, at the place of one that was left by a longjmp, does not end that one.</summary>
    [Fact]
    public void ACallThatIsNotSampled_RemovesTheMarkThatIsThere()
    {
        var few = ProbeProgram.Of(new BinaryOperation(BinaryOperator.Equal, new Argument(1), new Number(7)), new TimeAction(EmulatedPoint.ThreadNumberOffset)).Value;
        var (begins, ends) = (point.Emit(few, LiveSet.Empty, EmulatedPoint.Entry), point.Emit(few, LiveSet.Empty, EmulatedPoint.Exit));
        point.Clear(few);
        foreach (var argument in new ulong[] { 7, 8 })
        {
            state.General[Register.RSI - Register.RAX] = argument;
            Assert.Null(point.Pass(begins, state, LiveSet.Empty));
        }
        Assert.Null(point.Pass(ends, state, LiveSet.Empty));
        Assert.Equal((0UL, (0UL, 1UL)), (Times.Calls, TimeAction.Missed(w => point.SharedWord(few, w))));
    }

    private void Enter(int frame = 0, uint thread = EmulatedPoint.ThreadNumberIs) => Pass(enter, frame, thread);

    private void Leave(int frame = 0, uint thread = EmulatedPoint.ThreadNumberIs) => Pass(leave, frame, thread);

    private void Pass((ulong, ulong) code, int frame, uint thread)
    {
        point.SetThreadNumber(thread);
        var there = state.Copy();
        there.General[MachineState.Rsp] += (ulong)frame;
        Assert.Null(point.Pass(code, there, LiveSet.All));
    }
}
