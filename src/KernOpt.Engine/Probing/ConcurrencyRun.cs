using KernOpt.Engine.Profiling;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Live;
using KernOpt.Probes;
using KernOpt.Probes.Actions;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>How many threads are inside functions, over time: each function counts up at its entry and down at its exits, and is looked at a thousand times a second.</summary>
public static class ConcurrencyRun
{
    private const int Slices = 60;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(1);

    /// <summary>Claims the target. Ended early it answers what was seen until then. Refused when a function cannot be found, or its entry and exits do not all take a counter.</summary>
    public static async Task<Outcome<ConcurrencyReport>> RunAsync(Session session, IReadOnlyList<string> names, TimeSpan time, IProgress<string> progress, CancellationToken cancellation)
    {
        if (!session.Change().Try(out _, out var why)) return why;
        Leftovers.TakeOutPoints(session);
        var program = ProbeProgram.Of(null, new LevelAction()).Value;
        var refusals = new RefusalCount();
        var places = names.Distinct().Select(n => new Place(n, n, PlaceKind.Calls, 0)).ToList();
        if (!PlaceSearch.Plan(session, places, program, refusals, cancellation).Try(out var plans, out why)) return why;
        using var probes = new PlacedProbes(session, program, $"{program.Action}", refusals, progress);
        var levels = new List<Level>();
        foreach (var plan in plans)
        {
            var before = probes.Sets.Count;
            probes.Install([plan], cancellation);
            if (cancellation.IsCancellationRequested) return Reasons.Interrupted.With("");
            if (probes.Sets.Count == before + 1 && !probes.Incomplete.Contains(plan.Placements[0].Graph.Function)) levels.Add(new Level(probes.Sets[^1], probes.Points[^1], probes.Points.First(p => p.Set == probes.Sets[^1] && p.Point.Block == p.Graph.Entry && p.Point.Index <= 1)));
        }
        if (levels.Count == 0) return Reasons.NoPoint.With(string.Join(", ", refusals.Rows().Select(r => r.Detail)));
        levels.ForEach(l => l.Begin());
        var seconds = await probes.WatchAsync(time, Look, () => levels.ForEach(l => l.Sample()), cancellation).ConfigureAwait(false);
        var rows = levels.ConvertAll(l => l.Row(seconds));
        var notes = await probes.RemoveAsync(cancellation).ConfigureAwait(false);
        return new ConcurrencyReport(session.Target.Name, seconds, levels[0].Samples, rows, refusals.Rows(), notes);
    }

    /// <summary>One function's counter as it was seen.</summary>
    private sealed class Level(InstalledPoints set, PlacedPoint any, PlacedPoint entry)
    {
        private readonly List<long> seen = [];
        private ulong callsBefore;

        public int Samples => seen.Count;

        public void Begin() => callsBefore = entry.Word(0);

        public void Sample() => seen.Add(LevelAction.Read(set.SharedWord));

        public ConcurrencyRow Row(double seconds)
        {
            // Threads that were inside before are only seen to leave: so many there were at least.
            var hidden = Math.Max(0, -seen.DefaultIfEmpty().Min());
            var inside = seen.ConvertAll(n => n + hidden);
            var calls = entry.Word(0) - callsBefore;
            var mean = inside.Count == 0 ? 0 : inside.Average();
            return new ConcurrencyRow(any.Graph.Function.DisplayName, any.Graph.Function.Module.Name, mean, inside.DefaultIfEmpty().Max(), (long)calls, calls == 0 ? null : mean * seconds / calls * 1e9,
                [.. inside.CountBy(n => n).OrderBy(n => n.Key).Select(n => new LevelRow(n.Key, (double)n.Value / inside.Count))],
                [.. inside.Chunk(Math.Max(1, (inside.Count + Slices - 1) / Slices)).Select(slice => slice.Average())]);
        }
    }
}
