using System.Diagnostics;
using KernOpt.Code.Images;
using KernOpt.Engine.Journaling;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Live;
using KernOpt.Live.Points;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>Puts counters before instructions of the target, reads them for a time, and takes them out again.</summary>
public static class ProbeRun
{
    private static readonly CountProgram Program = new();
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

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
        var planning = Stopwatch.StartNew();
        if (!PlaceSearch.Plan(session, places, Program.IsPlaceFree, refusals, cancellation).Try(out var plans, out why)) return why;
        var planned = planning.Elapsed;
        var sets = new List<InstalledPoints>();
        try
        {
            var placing = Stopwatch.StartNew();
            var counted = Install(session, plans, sets, refusals, progress, cancellation);
            var placed = placing.Elapsed;
            if (cancellation.IsCancellationRequested) return Reasons.Interrupted.With("");
            if (counted.Count == 0) return Nothing(refusals);
            var (rows, seconds) = await WatchAsync(session, counted, time, progress, cancellation).ConfigureAwait(false);
            var notes = new List<string>();
            var removing = Stopwatch.StartNew();
            if (session.Target.State == TargetState.Alive) notes.AddRange(await RemoveAsync(session, sets, progress, cancellation).ConfigureAwait(false));
            else notes.Add($"{await Ending.OfAsync(session, cancellation).ConfigureAwait(false)}");
            return new ProbeReport(session.Target.Name, seconds, planned.TotalSeconds, placed.TotalSeconds, removing.Elapsed.TotalSeconds, rows.Count, rows, refusals.Rows(), notes);
        }
        finally
        {
            if (session.Target.State == TargetState.Alive) TakeOut(session, sets);
        }
    }

    /// <summary>A place that is counted. From: its word when the time began.</summary>
    private sealed record Counted(Function Function, Point Point, Rung Rung, InstalledPoints Set, int Index)
    {
        public ulong Now => Set.Word(Index, 0);

        public ProbeRow Row(ulong count, double seconds) => new($"{Function.DisplayName}+0x{Point.At - Function.Start:x}", Function.DisplayName, Function.Module.Name, Point.At,
            Listing.Of(Point.Instruction), Rung.ToString(), (long)count, count / seconds);
    }

    /// <summary>All places are read when the time begins and when it ends: each count is of the same time, but for the microseconds that the reading takes.</summary>
    private static async Task<(IReadOnlyList<ProbeRow> Rows, double Seconds)> WatchAsync(Session session, List<Counted> counted, TimeSpan time, IProgress<string> progress, CancellationToken cancellation)
    {
        progress.Report($"{counted.Count} places are counted");
        var from = counted.ConvertAll(c => c.Now);
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < time && !cancellation.IsCancellationRequested && session.Target.State == TargetState.Alive)
        {
            await Pause.For(Look < time - clock.Elapsed ? Look : time - clock.Elapsed, cancellation).ConfigureAwait(false);
        }
        var to = counted.ConvertAll(c => c.Now);
        var seconds = clock.Elapsed.TotalSeconds;
        return ([.. counted.Select((c, i) => c.Row(to[i] - from[i], seconds)).OrderBy(r => r.Address.Value)], seconds);
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
                if (!session.Live.InstallPoints(batch, Program, "count").Try(out var report, out var why))
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
                    rows.AddRange(batch[i].Asked.Select((index, n) => new Counted(batch[i].Graph.Function, new Point(batch[i].Block, index), batch[i].Rung, report.Installed, first + n)));
                }
            }
        }
        return rows;
    }

    /// <summary>Takes the points out and waits until no thread is in their code; answers what could not be done.</summary>
    private static async Task<IReadOnlyList<string>> RemoveAsync(Session session, List<InstalledPoints> sets, IProgress<string> progress, CancellationToken cancellation)
    {
        var notes = TakeOut(session, sets).Select(p => $"{p}").ToList();
        var clock = Stopwatch.StartNew();
        int draining;
        while ((draining = session.Live.Collect(unmapsEmpty: true)) > 0 && clock.Elapsed < Patience && !cancellation.IsCancellationRequested)
        {
            progress.Report($"{draining} pieces of code may still have a thread in them");
            await Pause.For(Look, cancellation).ConfigureAwait(false);
        }
        if (draining > 0) notes.Add($"the text is the original again; {draining} pieces of code stay until a later revert, for a thread may be in them or a forked process shares them");
        return notes;
    }

    /// <summary>What cannot be taken out, because somebody else has changed the text since, stays: `kernopt list` shows it, and a later revert tries again.</summary>
    private static List<Refusal> TakeOut(Session session, List<InstalledPoints> sets)
    {
        var problems = sets.SelectMany(set => session.Live.Revert(set.Id).Try(out var report, out var why) ? report.Problems : [why]).ToList();
        sets.Clear();
        foreach (var problem in problems) session.Note(JournalKind.Refused, "", $"probes were not taken out: {problem}", reason: problem.Reason);
        return problems;
    }

    private static Refusal Nothing(RefusalCount refusals)
    {
        var rows = refusals.Rows();
        return rows.Count == 0 ? Reasons.NoPoint.With("") : rows[0].Reason.With(rows[0].Detail ?? rows[0].Examples[0]);
    }
}
