using System.Diagnostics;
using KernOpt.Code.Graphs;
using KernOpt.Engine.Journaling;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Sessions;
using KernOpt.Live;
using KernOpt.Live.Points;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>One instruction before which a counter is: the one that was asked for, in its function, and how its code is reached.</summary>
internal sealed record CountedPoint(FunctionGraph Graph, Point Point, Rung Rung, InstalledPoints Set, int Index)
{
    public ulong Now => Set.Word(Index, 0);
}

/// <summary>Counters that are in a target for a while. The session must have claimed the target. What could not be placed is counted as refused.</summary>
internal sealed class Counters(Session session, RefusalCount refusals, IProgress<string> progress) : IDisposable
{
    public static readonly CountProgram Program = new();
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly List<InstalledPoints> sets = [];
    private readonly List<CountedPoint> points = [];

    public IReadOnlyList<CountedPoint> Points => points;

    /// <summary>Puts counters where the plans say. Ended early, some are in.</summary>
    public void Install(IEnumerable<PlacementPlan> plans, CancellationToken cancellation)
    {
        foreach (var module in plans.SelectMany(p => p.Placements).GroupBy(p => p.Graph.Function.Module))
        {
            // Those that come down on one page belong together.
            foreach (var batch in module.OrderByDescending(p => p.Page).Chunk(LiveCode.MostPlacements))
            {
                if (cancellation.IsCancellationRequested) return;
                progress.Report($"placing probes in {module.Key.Name}");
                if (!session.Live.InstallPoints(batch, Program, "count").Try(out var report, out var why))
                {
                    refusals.Add(why, module.Key.Name);
                    continue;
                }
                sets.Add(report.Installed);
                foreach (var refused in report.Refused) refusals.Add(refused, module.Key.Name);
                foreach (var (placement, first) in batch.Zip(report.Offsets).Where(p => p.Second >= 0))
                    points.AddRange(placement.Asked.Select((index, n) => new CountedPoint(placement.Graph, new Point(placement.Block, index), placement.Rung, report.Installed, first + n)));
            }
        }
    }

    /// <summary>
    /// Counts for a time, or until the target or the caller ends it. All are read when the time begins and when it ends: each count is of the same time, but for the
    /// microseconds that the reading takes. Answers the counts in the order of <see cref="Points"/>, and the seconds.
    /// </summary>
    public async Task<(IReadOnlyList<ulong> Counts, double Seconds)> WatchAsync(TimeSpan time, CancellationToken cancellation)
    {
        progress.Report($"{points.Count} places are counted");
        var from = points.ConvertAll(c => c.Now);
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < time && !cancellation.IsCancellationRequested && session.Target.State == TargetState.Alive)
        {
            await Pause.For(Look < time - clock.Elapsed ? Look : time - clock.Elapsed, cancellation).ConfigureAwait(false);
        }
        var to = points.ConvertAll(c => c.Now);
        return ([.. to.Zip(from, (b, a) => b - a)], clock.Elapsed.TotalSeconds);
    }

    /// <summary>Takes all out and waits until no thread is in their code; answers, for people, what could not be done, or that the target has ended.</summary>
    public async Task<IReadOnlyList<string>> RemoveAsync(CancellationToken cancellation)
    {
        if (session.Target.State != TargetState.Alive) return [$"{await Ending.OfAsync(session, cancellation).ConfigureAwait(false)}"];
        var notes = TakeOut().Select(p => $"{p}").ToList();
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

    public void Dispose()
    {
        if (session.Target.State == TargetState.Alive) TakeOut();
    }

    /// <summary>What cannot be taken out, because somebody else has changed the text since, stays: `kernopt list` shows it, and a later revert tries again.</summary>
    private List<Refusal> TakeOut()
    {
        var problems = sets.SelectMany(set => session.Live.Revert(set.Id).Try(out var report, out var why) ? report.Problems : [why]).ToList();
        sets.Clear();
        foreach (var problem in problems) session.Note(JournalKind.Refused, "", $"probes were not taken out: {problem}", reason: problem.Reason);
        return problems;
    }
}
