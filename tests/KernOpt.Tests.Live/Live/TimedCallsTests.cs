using KernOpt.Live;
using KernOpt.Live.Points;
using KernOpt.Probes;
using KernOpt.Probes.Actions;
using KernOpt.Probes.Compile;
using KernOpt.Target;
using KernOpt.Tests.Live.Linux;
using Xunit;

namespace KernOpt.Tests.Live.Live;

/// <summary>Calls that end in every way a call can end: each that returns is timed, none of the others is, and none is longer than it was.</summary>
public sealed class TimedCallsTests
{
    private const int Rounds = 20;

    private static readonly HashSet<Address> NoEntries = [];

    /// <summary>Recursion: five calls each, of 20 to 100 µs. A longjmp: the call that follows 2 ms later at the same place is timed alone.</summary>
    [Theory]
    [InlineData("x", 1, 0.02)]
    [InlineData("r", 5, 0.06)]
    [InlineData("t", 1, 0.02)]
    [InlineData("l", 1, 0.02)]
    [InlineData("e", 0, 0)]
    public async Task Calls_AreTimedIfTheyReturn(string kind, int timedPerRound, double milliseconds)
    {
        foreach (var givesRows in new[] { false, true })
        {
            using var program = NativeProgram.Start("calls.c");
            using var subject = new Subject(program.Pid);
            var compiled = ProbeProgram.Of(null, new TimeAction(subject.Target.FindThreadNumberOffset().Value)).Value;
            var graph = subject.GraphOf("t_call");
            var plan = subject.Live.Ladder().Plan(graph, FunctionExit.Of(graph).Prepend(new Point(graph.Entry, 0)), NoEntries, isPlaceFree: false);
            Assert.Empty(plan.Unplaced);
            var report = subject.Live.InstallPoints([.. plan.Placements.OrderBy(p => p.Block == graph.Entry)], compiled, "time").Value;
            Assert.Empty(report.Refused);
            var set = report.Installed;
            program.WriteLine($"{kind} {Rounds}");
            var answer = Task.Run(program.ReadLine, TestContext.Current.CancellationToken);
            while (!answer.IsCompleted)
            {
                if (givesRows) TimeAction.GiveRows(subject.Target.ReadThreadNumbers(), set.SharedWord, set.StoreShared);
            }
            Assert.Equal("ok", await answer);
            var times = Enumerable.Range(0, set.Points).Select(p => TimeAction.Read(word => set.Word(p, compiled.ActionWords + word))).Aggregate(CallTimes.None, (sum, t) => sum.Plus(t));
            var (noRoom, noEntry) = TimeAction.Missed(set.SharedWord);
            // A thread that is given its row during a call is told as one whose beginning was not seen.
            Assert.InRange(times.Calls + noEntry, (ulong)(timedPerRound * Rounds), (ulong)(timedPerRound * Rounds));
            Assert.InRange(noEntry, 0UL, givesRows ? 5UL : 0UL);
            Assert.Equal(0UL, noRoom);
            if (timedPerRound == 0) continue;
            // The machine is shared: a call may be interrupted, but half of them are not for long.
            var half = times.AtMost(0.5) / TicksPerMillisecond(subject.Target);
            Assert.InRange(half, milliseconds, milliseconds * 8);
            Assert.True(subject.RevertAll().IsTextRestored);
        }
    }

    private static double TicksPerMillisecond(ITarget target)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var from = target.ReadTimeStamp();
        while (clock.ElapsedMilliseconds < 20) Thread.SpinWait(100);
        return (target.ReadTimeStamp() - from) / clock.Elapsed.TotalMilliseconds;
    }
}
