using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Live.Points;
using KernOpt.Probes;
using KernOpt.Probes.Actions;
using Xunit;

namespace KernOpt.Tests.Probes;

/// <summary>Calls that wait for a lock, in an emulated machine.</summary>
public sealed class WaitActionTests : IDisposable
{
    private readonly EmulatedPoint point = new();
    private readonly ProbeProgram program;
    private readonly (ulong, ulong) enter, leave;
    private readonly MachineState state;

    public WaitActionTests()
    {
        program = ProbeProgram.Of(null, new WaitAction(EmulatedPoint.ThreadNumberOffset, 0)).Value;
        (enter, leave) = Emit(program);
        state = point.Arrive(new Random(1));
    }

    private WaitTimes Times => WaitAction.Read(w => point.SharedWord(program, w));

    public void Dispose() => point.Dispose();

    [Fact]
    public void Waits_AreToldByLock_AndSumUp()
    {
        foreach (var what in new ulong[] { 0x7000, 0x8000, 0x7000 }) Wait(what);
        Assert.Equal([(0x7000UL, 2UL), (0x8000UL, 1UL)], Times.Rows.Select(r => (r.Key.What, r.Value.Waits)).Order());
        Assert.Equal(3UL, WaitAction.ReadExit(point.Word).Waits);
        Assert.Equal(Times.Rows.Sum(r => (long)r.Value.Cycles), (long)WaitAction.ReadExit(point.Word).Cycles);
        Assert.All(Times.Rows, r => Assert.InRange(r.Value.Longest, 1UL, r.Value.Cycles));
        Assert.All(Times.Rows, r => Assert.Equal(point.Graph.Function.Start, r.Key.Function));
        Assert.Equal((0UL, 0UL), (Times.NoRoom, Times.NoEntry));
    }

    [Fact]
    public void ACallThatDoesNotLastLongEnough_IsOnlyCounted()
    {
        var patient = ProbeProgram.Of(null, new WaitAction(EmulatedPoint.ThreadNumberOffset, int.MaxValue)).Value;
        var (begins, ends) = Emit(patient);
        Pass(begins, 0x7000);
        Pass(ends, 0);
        Assert.Equal((1UL, 0UL, 0UL), WaitAction.ReadExit(point.Word));
        Assert.Empty(WaitAction.Read(w => point.SharedWord(patient, w)).Rows);
    }

    /// <summary>512 rows and what comes behind them; the others are one sum. None is lost.</summary>
    [Fact]
    public void MoreLocksThanThereAreRows_AreSummedUpTogether()
    {
        const int locks = 2000;
        for (var i = 0; i < locks; i++) Wait(0x10000 + 40 * (ulong)i);
        Assert.InRange(Times.Rows.Count, 400, 527);
        Assert.Equal(locks, Times.Rows.Sum(r => (long)r.Value.Waits) + (long)Times.Others.Waits);
        Assert.Equal(WaitAction.ReadExit(point.Word).Cycles, Times.Rows.Aggregate(Times.Others.Cycles, (sum, r) => sum + r.Value.Cycles));
    }

    [Fact]
    public void ACallThatLasts_IsTold_AndNoWaitYet()
    {
        Pass(enter, 0x7000);
        Assert.Equal(0x7000UL, Assert.Single(WaitAction.ReadOpen(w => point.SharedWord(program, w))).What);
        Assert.Empty(Times.Rows);
        Pass(leave, 0);
        Assert.Empty(WaitAction.ReadOpen(w => point.SharedWord(program, w)));
        Assert.Single(Times.Rows);
    }

    [Fact]
    public void AnExitThatNobodySawBegin_IsNoWait()
    {
        Pass(leave, 0);
        Assert.Empty(Times.Rows);
        Assert.Equal(1UL, Times.NoEntry);
    }

    private ((ulong, ulong), (ulong, ulong)) Emit(ProbeProgram of)
    {
        Assert.Null(of.Check(point.Graph, new Point(point.Graph.Entry, EmulatedPoint.Entry)));
        Assert.Null(of.Check(point.Graph, new Point(point.Graph.Entry, EmulatedPoint.Exit)));
        var code = (point.Emit(of, LiveSet.All, EmulatedPoint.Entry), point.Emit(of, LiveSet.All, EmulatedPoint.Exit));
        point.Clear(of);
        return code;
    }

    private void Wait(ulong what)
    {
        Pass(enter, what);
        Pass(leave, 0);
    }

    private void Pass((ulong, ulong) code, ulong argument)
    {
        var there = state.Copy();
        there.General[Register.RDI - Register.RAX] = argument;
        Assert.Null(point.Pass(code, there, LiveSet.All));
    }
}
