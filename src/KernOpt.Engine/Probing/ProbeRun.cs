using System.Diagnostics;
using KernOpt.Code.Images;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Live;
using KernOpt.Live.Points;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>Puts counters before instructions of the target, reads them for a time, and takes them out again.</summary>
public static class ProbeRun
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    /// <summary>Claims the target. Refused when no place can be found, or nothing could be put anywhere.</summary>
    public static async Task<Outcome<ProbeReport>> CountAsync(Session session, IReadOnlyList<string> texts, TimeSpan time, IProgress<string> progress, CancellationToken cancellation)
    {
        if (!session.Change().Try(out var live, out var why)) return why;
        var places = new List<Place>();
        foreach (var text in texts)
        {
            if (!Place.Parse(text, name => session.Program.Find(name).IsDone).Try(out var place, out why)) return why;
            places.Add(place);
        }
        var refusals = new RefusalCount();
        var planning = Stopwatch.StartNew();
        if (!PlaceSearch.Plan(session, places, refusals, cancellation).Try(out var plans, out why)) return why;
        var planned = planning.Elapsed;
        var sets = new List<InstalledPoints>();
        try
        {
            var placing = Stopwatch.StartNew();
            var rows = Install(session, plans, sets, refusals, progress, cancellation);
            var placed = placing.Elapsed;
            if (rows.Count == 0) return Nothing(refusals);
            progress.Report($"{rows.Count} places are counted");
            var clock = Stopwatch.StartNew();
            while (clock.Elapsed < time && !cancellation.IsCancellationRequested && session.Target.State == TargetState.Alive)
            {
                await Pause.For(Look < time - clock.Elapsed ? Look : time - clock.Elapsed, cancellation).ConfigureAwait(false);
            }
            var seconds = clock.Elapsed.TotalSeconds;
            if (session.Target.State != TargetState.Alive) return await Ending.OfAsync(session, cancellation).ConfigureAwait(false);
            var report = new ProbeReport(session.Target.Name, seconds, planned.TotalSeconds, placed.TotalSeconds, 0, rows.Count,
                [.. rows.Select(r => r.Read(seconds))], refusals.Rows());
            var removing = Stopwatch.StartNew();
            Remove(live, sets);
            return report with { RemovingSeconds = removing.Elapsed.TotalSeconds };
        }
        finally
        {
            Remove(live, sets);
        }
    }

    /// <summary>A place that is counted, before its count is read.</summary>
    private sealed record Counted(Function Function, Point Point, Rung Rung, InstalledPoints Set, int Index)
    {
        public ProbeRow Read(double seconds)
        {
            var count = (long)Set.Word(Index, 0);
            return new ProbeRow($"{Function.DisplayName}+0x{Point.At - Function.Start:x}", Function.DisplayName, Function.Module.Name, Point.At, Listing.Of(Point.Instruction), Rung.ToString(),
                count, count / seconds);
        }
    }

    private static List<Counted> Install(Session session, IReadOnlyList<PlacementPlan> plans, List<InstalledPoints> sets, RefusalCount refusals, IProgress<string> progress, CancellationToken cancellation)
    {
        var rows = new List<Counted>();
        foreach (var module in plans.SelectMany(p => p.Placements).GroupBy(p => p.Graph.Function.Module))
        {
            foreach (var batch in module.Chunk(LiveCode.MostPlacements))
            {
                if (cancellation.IsCancellationRequested) return rows;
                progress.Report($"placing probes in {module.Key.Name}");
                if (!session.Live.InstallPoints(batch, new CountProgram(), "count").Try(out var report, out var why))
                {
                    refusals.Add(why, module.Key.Name);
                    continue;
                }
                sets.Add(report.Installed);
                foreach (var refused in report.Refused) refusals.Add(refused, module.Key.Name);
                for (var i = 0; i < batch.Length; i++)
                {
                    if (report.Offsets[i] < 0) continue;
                    var first = report.Offsets[i];
                    rows.AddRange(batch[i].Points.Select((index, n) => new Counted(batch[i].Graph.Function, new Point(batch[i].Block, index), batch[i].Rung, report.Installed, first + n)));
                }
            }
        }
        return rows;
    }

    private static void Remove(LiveCode live, List<InstalledPoints> sets)
    {
        foreach (var set in sets) live.Revert(set.Id);
        sets.Clear();
        live.Collect(unmapsEmpty: true);
    }

    private static Refusal Nothing(RefusalCount refusals)
    {
        var rows = refusals.Rows();
        return rows.Count == 0 ? Reasons.NoPoint.With("") : rows[0].Reason.With(rows[0].Detail ?? rows[0].Examples[0]);
    }
}
