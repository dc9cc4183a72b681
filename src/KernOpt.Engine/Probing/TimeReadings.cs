using KernOpt.Code.Images;
using KernOpt.Engine.Reports;
using KernOpt.Probes;
using KernOpt.Probes.Actions;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>Reads the times of calls: <see cref="TimeAction"/>.</summary>
internal static class TimeReadings
{
    private const double NanosecondsPerSecond = 1e9;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    /// <summary>Calls that ended within the time, whenever they began. A function some of whose exits are not seen would look faster or slower than it is, and is left out.</summary>
    public static async Task<ProbeReadings> ReadAsync(ITarget target, ProbeProgram program, PlacedProbes probes, TimeSpan time, CancellationToken cancellation)
    {
        GiveRows();
        var from = probes.Points.Select(Times).ToList();
        var (noRoom, noEntry) = Missed(probes);
        var start = target.ReadTimeStamp();
        var seconds = await probes.WatchAsync(time, Look, GiveRows, cancellation).ConfigureAwait(false);
        var ticksPerSecond = program.Action is TimeAction { IsCpuTime: true } ? NanosecondsPerSecond : (target.ReadTimeStamp() - start) / seconds;
        var to = probes.Points.Select((p, i) => (Point: p, Times: Times(p).Since(from[i]))).ToList();
        var (noRoomNow, noEntryNow) = Missed(probes);
        var rows = to.Where(t => program.Places.Asked?.Contains(t.Point.Point.At) ?? true).GroupBy(t => t.Point.Graph.Function).Where(f => !probes.Incomplete.Contains(f.Key)).Select(f => Row(f.Key, f.Aggregate(CallTimes.None, (sum, t) => sum.Plus(t.Times)), ticksPerSecond)).OrderByDescending(r => r.TotalSeconds).ToList();
        return new ProbeReadings(seconds, ProbeReadings.RowsOf(probes.Points, seconds, i => to[i].Times.Calls, _ => null),
            Times: new TimesReport(rows, (long)(noRoomNow - noRoom), (long)(noEntryNow - noEntry)));

        // Threads that have started since share a table until they have rows of their own.
        void GiveRows()
        {
            var threads = target.ReadThreadNumbers();
            foreach (var set in probes.Sets) TimeAction.GiveRows(threads, set.SharedWord, set.StoreShared);
        }

        CallTimes Times(PlacedPoint point) => TimeAction.Read(word => point.Word(program.ActionWords + word));
    }

    private static (ulong NoRoom, ulong NoEntry) Missed(PlacedProbes probes) =>
        probes.Sets.Select(s => TimeAction.Missed(s.SharedWord)).Aggregate((0UL, 0UL), (sum, m) => (sum.Item1 + m.NoRoom, sum.Item2 + m.NoEntry));

    private static TimeRow Row(Function function, CallTimes times, double ticksPerSecond)
    {
        var calls = times.Calls;
        return new TimeRow(function.DisplayName, function.Module.Name, (long)calls, times.Sum / ticksPerSecond, calls == 0 ? 0 : Nanoseconds(times.Sum) / calls, Nanoseconds(times.AtMost(0.5)),
            Nanoseconds(times.AtMost(0.99)));

        double Nanoseconds(ulong ticks) => ticks / ticksPerSecond * NanosecondsPerSecond;
    }
}
