using System.Diagnostics;
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

    /// <summary>A record that has been unfinished for so long is given up, and counted as lost. Until then the ring fills up, and is not written over.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(2);

    public static async Task<ProbeReadings> ReadAsync(Session session, TraceAction action, PlacedProbes probes, TimeSpan time, CancellationToken cancellation)
    {
        var points = probes.Points.ToDictionary(p => (p.Set, p.Number));
        var counts = new Dictionary<PlacedPoint, ulong>();
        var kept = new List<(PlacedPoint Point, TraceRecord Record)>();
        var rings = probes.Sets.Select(s => new Ring(s, action)).ToList();
        // What was recorded while the places were put in is not of the time.
        foreach (var ring in rings) ring.Read(_ => { });
        var lost = rings.Sum(r => (long)r.Lost);
        var start = session.Target.ReadTimeStamp();
        var seconds = await probes.WatchAsync(time, Look, () => rings.ForEach(r => r.Read(record => Add(r.Set, record))), cancellation).ConfigureAwait(false);
        var ticks = (session.Target.ReadTimeStamp() - start) / seconds;
        var rows = kept.OrderBy(k => k.Record.Time).Select(k => new TraceRow(((double)k.Record.Time - start) / ticks, ProbeReadings.PlaceOf(k.Point),
            [.. k.Record.Values.Select((v, n) => (k.Record.Unreadable >> n & 1) != 0 ? "unreadable" : ValueText.Of(session, action.Fields[n], v))])).ToList();
        var trace = new TraceReport([.. action.Fields.Select(f => $"{f}")], rows, counts.Values.Sum(c => (long)c) - kept.Count, rings.Sum(r => (long)r.Lost) - lost);
        return new ProbeReadings(seconds, ProbeReadings.RowsOf(probes.Points, seconds, i => counts.GetValueOrDefault(probes.Points[i]), _ => null), trace);

        void Add(InstalledPoints set, TraceRecord record)
        {
            // The number is the target's to spoil.
            if (!points.TryGetValue((set, record.Point), out var point)) return;
            counts[point] = counts.GetValueOrDefault(point) + 1;
            if (kept.Count < MostKept) kept.Add((point, record));
        }
    }

    private sealed class Ring(InstalledPoints set, TraceAction action)
    {
        private readonly List<TraceRecord> records = [];
        private readonly Stopwatch stuck = new();
        private ulong skipped;

        public InstalledPoints Set => set;
        public ulong Lost => TraceAction.LostOf(set.SharedWord) + skipped;

        public void Read(Action<TraceRecord> use)
        {
            records.Clear();
            var givesUp = stuck.Elapsed > Patience;
            var drained = action.Drain(set.SharedWord, set.StoreShared, records, givesUp);
            skipped += drained.Skipped;
            if (givesUp) stuck.Reset();
            if (drained.IsUnfinished && records.Count == 0) stuck.Start();
            else stuck.Reset();
            records.ForEach(use);
        }
    }
}
