using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Live;
using KernOpt.Probes.Actions;

namespace KernOpt.Engine.Probing;

/// <summary>Reads rings of records: <see cref="TraceAction"/>.</summary>
internal static class TraceReadings
{
    /// <summary>Records that a report holds; the others are counted.</summary>
    private const int MostKept = 100_000;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(2);

    public static async Task<ProbeReadings> ReadAsync(Session session, TraceAction action, PlacedProbes probes, TimeSpan time, CancellationToken cancellation)
    {
        var points = probes.Points.ToDictionary(p => (p.Set, p.Number));
        var counts = new Dictionary<PlacedPoint, ulong>();
        var kept = new List<(PlacedPoint Point, TraceRecord Record)>();
        var rings = probes.Sets.Select(s => new RingReader<TraceRecord>(s, action.Drain)).ToList();
        // What was recorded while the places were put in is not of the time.
        foreach (var ring in rings) ring.Read();
        var lost = rings.Sum(r => (long)r.Lost);
        var start = session.Target.ReadTimeStamp();
        var seconds = await probes.WatchAsync(time, Look, ReadAll, cancellation).ConfigureAwait(false);
        var ticks = (session.Target.ReadTimeStamp() - start) / seconds;
        var rows = kept.OrderBy(k => k.Record.Time).Select(k => new TraceRow(((double)k.Record.Time - start) / ticks, ProbeReadings.PlaceOf(k.Point),
            [.. k.Record.Values.Select((v, n) => (k.Record.Unreadable >> n & 1) != 0 ? "unreadable" : ValueText.Of(session, action.Fields[n], v))])).ToList();
        var trace = new TraceReport([.. action.Fields.Select(f => $"{f}")], rows, counts.Values.Sum(c => (long)c) - kept.Count, rings.Sum(r => (long)r.Lost) - lost);
        return new ProbeReadings(seconds, ProbeReadings.RowsOf(probes.Points, seconds, i => counts.GetValueOrDefault(probes.Points[i]), _ => null), trace);

        void ReadAll()
        {
            foreach (var ring in rings)
            {
                foreach (var record in ring.Read()) Add(ring.Set, record);
            }
        }

        void Add(InstalledPoints set, TraceRecord record)
        {
            // The number is the target's to spoil.
            if (!points.TryGetValue((set, record.Point), out var point)) return;
            counts[point] = counts.GetValueOrDefault(point) + 1;
            if (kept.Count < MostKept) kept.Add((point, record));
        }
    }
}
