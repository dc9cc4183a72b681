using System.Diagnostics;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>Counts how often control comes to instructions of the target, for a time.</summary>
public static class ProbeRun
{
    /// <summary>
    /// Claims the target. Ended by the caller while it counts, or by the target's end, it answers what was counted until then. Refused when no place can be found, nothing
    /// could be put anywhere, or it was ended before all was in.
    /// </summary>
    public static async Task<Outcome<ProbeReport>> CountAsync(Session session, IReadOnlyList<string> texts, TimeSpan time, IProgress<string> progress, CancellationToken cancellation)
    {
        if (!session.Change().Try(out _, out var why)) return why;
        Leftovers.TakeOutPoints(session);
        var places = new List<Place>();
        foreach (var text in texts)
        {
            if (!Place.Parse(text, name => session.Program.Find(name).IsDone).Try(out var place, out why)) return why;
            places.Add(place);
        }
        var refusals = new RefusalCount();
        var clock = Stopwatch.StartNew();
        if (!PlaceSearch.Plan(session, places, Counters.Program.IsPlaceFree, refusals, cancellation).Try(out var plans, out why)) return why;
        var planned = clock.Elapsed;
        using var counters = new Counters(session, refusals, progress);
        clock.Restart();
        counters.Install(plans, cancellation);
        var placed = clock.Elapsed;
        if (cancellation.IsCancellationRequested) return Reasons.Interrupted.With("");
        if (counters.Points.Count == 0) return Nothing(refusals);
        var (counts, seconds) = await counters.WatchAsync(time, cancellation).ConfigureAwait(false);
        clock.Restart();
        var notes = await counters.RemoveAsync(cancellation).ConfigureAwait(false);
        return new ProbeReport(session.Target.Name, seconds, planned.TotalSeconds, placed.TotalSeconds, clock.Elapsed.TotalSeconds, counters.Points.Count,
            [.. counters.Points.Zip(counts, (point, count) => Row(point, count, seconds)).OrderBy(r => r.Address.Value)], refusals.Rows(), notes);
    }

    private static ProbeRow Row(CountedPoint counted, ulong count, double seconds)
    {
        var (function, point) = (counted.Graph.Function, counted.Point);
        return new ProbeRow($"{function.DisplayName}+0x{point.At - function.Start:x}", function.DisplayName, function.Module.Name, point.At, Listing.Of(point.Instruction), counted.Rung.ToString(),
            (long)count, count / seconds);
    }

    private static Refusal Nothing(RefusalCount refusals)
    {
        var rows = refusals.Rows();
        return rows.Count == 0 ? Reasons.NoPoint.With("") : rows[0].Reason.With(rows[0].Detail ?? rows[0].Examples[0]);
    }
}
