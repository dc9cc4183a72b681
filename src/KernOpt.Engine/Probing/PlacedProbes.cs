using System.Collections.Immutable;
using System.Diagnostics;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Engine.Journaling;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Live;
using KernOpt.Live.Points;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>One instruction before which code is: the one that was asked for, in its function, and how its code is reached.</summary>
internal sealed record PlacedPoint(FunctionGraph Graph, Point Point, Rung Rung, InstalledPoints Set, int Number)
{
    /// <summary>One of its words as it is now.</summary>
    public ulong Word(int word) => Set.Word(Number, word);

    /// <summary>The places of the stores that lead to it, and perhaps to others.</summary>
    public ImmutableArray<Address> Stores { get; init; } = [];
}

/// <summary>Code of one program at points of a target for a while. The session must have claimed the target. What could not be placed is counted as refused.</summary>
internal sealed class PlacedProbes(Session session, IPointProgram program, string text, RefusalCount refusals, IProgress<string> progress) : IDisposable
{
    /// <summary>Places in one module from which on it pays to look at all of its functions first: a second, for less to save at each passage.</summary>
    private const int FewestToLearn = 256;

    /// <summary>Code and words of one batch, without what is in common.</summary>
    private const long MostBytes = 3 << 20;

    private readonly List<InstalledPoints> sets = [];
    private readonly List<PlacedPoint> points = [];
    private readonly HashSet<Function> incomplete = [];

    public IReadOnlyList<PlacedPoint> Points => points;

    /// <summary>For people: what is counted otherwise than it seems.</summary>
    public IReadOnlyList<string> Notes => points.Count(p => p.Rung == Rung.Copy) is > 0 and var copies
        ? [$"{copies} places are reached by executing a part of their function elsewhere: what was in that part already when they were put in, or in a call that it makes, passed them uncounted"] : [];

    /// <summary>Points that were put in together.</summary>
    public IReadOnlyList<InstalledPoints> Sets => sets;

    /// <summary>Puts the code where the plans say. Ended early, some are in.</summary>
    public void Install(IEnumerable<PlacementPlan> plans, CancellationToken cancellation)
    {
        foreach (var module in plans.Where(p => p.Placements.Count > 0).GroupBy(p => p.Placements[0].Graph.Function.Module))
        {
            if (module.Sum(p => p.Placements.Count) >= FewestToLearn)
            {
                progress.Report($"looking at the functions of {module.Key.Name}");
                if (!session.Live.LearnCallees(module.Key, cancellation).Try(out _, out _)) return;
            }
            foreach (var batch in Batches(module))
            {
                if (cancellation.IsCancellationRequested) return;
                progress.Report($"placing probes in {module.Key.Name}");
                if (!session.Live.InstallPoints(batch, program, text).Try(out var report, out var why))
                {
                    foreach (var placement in batch) refusals.Add(why, placement.Graph.Function.DisplayName);
                    incomplete.UnionWith(batch.Select(p => p.Graph.Function));
                    continue;
                }
                sets.Add(report.Installed);
                foreach (var refused in report.Refused) refusals.Add(refused, module.Key.Name);
                incomplete.UnionWith(batch.Zip(report.Offsets).Where(p => p.Second < 0).Select(p => p.First.Graph.Function));
                foreach (var (placement, first) in batch.Zip(report.Offsets).Where(p => p.Second >= 0))
                {
                    ImmutableArray<Address> stores = [.. placement.Stores];
                    points.AddRange(placement.AskedPoints.Select((point, n) => new PlacedPoint(placement.Graph, point, placement.Rung, report.Installed, first + n) { Stores = stores }));
                }
            }
        }
    }

    /// <summary>Functions some of whose places took no code after all.</summary>
    public IReadOnlySet<Function> Incomplete => incomplete;

    /// <summary>Those of one function stay together where they have words in common; else those whose jumps come down on one page. A batch fits into a region together with two others.</summary>
    private IEnumerable<IReadOnlyList<Placement>> Batches(IEnumerable<PlacementPlan> plans)
    {
        // Exits before entries: a call that is seen to leave and was not seen to come in is told apart, the reverse is not.
        var parts = program.SharedWords > 0 ? plans.Select(p => (Part: p.Placements.OrderBy(l => l.Block == l.Graph.Entry).ToArray(), IsAlone: false))
            : Alone(plans.SelectMany(p => p.Placements)).OrderBy(p => p.IsAlone).ThenByDescending(p => p.Placement.Page).Select(p => (Part: new[] { p.Placement }, p.IsAlone));
        var (batch, bytes, changes, isAlone) = (new List<Placement>(), 0L, 0, false);
        foreach (var (part, staysLonger) in parts.SelectMany(p => p.Part.Chunk(LiveCode.MostPlacements).Select(c => (c, p.IsAlone))))
        {
            var isOther = staysLonger != isAlone;
            if (batch.Count + part.Length > LiveCode.MostPlacements || bytes + Bytes(part) > MostBytes || changes + part.Sum(p => p.Changes) > LiveCode.FittingChanges || isOther)
            {
                if (batch.Count > 0) yield return batch;
                (batch, bytes, changes) = ([], 0, 0);
            }
            isAlone = staysLonger;
            batch.AddRange(part);
            bytes += Bytes(part);
            changes += part.Sum(p => p.Changes);
        }
        if (batch.Count > 0) yield return batch;
    }

    /// <summary>Those that can only be taken out when calls have returned do not keep the others; but those that share a page must come together.</summary>
    private static IEnumerable<(Placement Placement, bool IsAlone)> Alone(IEnumerable<Placement> placements)
    {
        var all = placements.ToList();
        var pages = all.Where(p => !p.MovesCalls).SelectMany(p => p.Pages).ToHashSet();
        return all.Select(p => (p, p.MovesCalls && !p.Pages.Any(pages.Contains)));
    }

    private long Bytes(Placement[] placements) => placements.Sum(p => (long)p.Points.Length) * (program.MostBytes + 8L * program.Words);

    /// <summary>Waits for a time, or until the target or the caller ends it, and looks every so often; answers the seconds.</summary>
    public async Task<double> WatchAsync(TimeSpan time, TimeSpan every, Action look, CancellationToken cancellation)
    {
        progress.Report($"{points.Count} places are watched");
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < time && !cancellation.IsCancellationRequested && session.Target.State == TargetState.Alive)
        {
            await Pause.For(every < time - clock.Elapsed ? every : time - clock.Elapsed, cancellation).ConfigureAwait(false);
            look();
        }
        return clock.Elapsed.TotalSeconds;
    }

    /// <summary>Takes all out and waits until no thread is in their code; answers, for people, what could not be done, or that the target has ended.</summary>
    public async Task<IReadOnlyList<string>> RemoveAsync(CancellationToken cancellation)
    {
        if (session.Target.State != TargetState.Alive) return [$"{await Ending.OfAsync(session, cancellation).ConfigureAwait(false)}"];
        var notes = TakeOut().Select(p => $"{p}").ToList();
        var draining = await Drain.AwaitAsync(session.Live, session.Live.Collect(unmapsEmpty: true), unmapsEmpty: true, () => true, progress, cancellation).ConfigureAwait(false);
        if (draining > 0) notes.Add($"every instruction is the original again; {draining} pieces of code, and the padding that led to them, stay until a later revert, for a thread may be in them or a forked process shares them");
        return notes;
    }

    public void Dispose()
    {
        if (session.Target.State == TargetState.Alive) TakeOut();
    }

    /// <summary>What cannot be taken out, because somebody else has changed the text since, stays: `kernopt list` shows it, and a later revert tries again.</summary>
    private IReadOnlyList<Refusal> TakeOut()
    {
        var problems = sets.Count == 0 ? [] : session.Live.Revert([.. sets.Select(s => s.Id)]).Problems;
        sets.Clear();
        foreach (var problem in problems) session.Note(JournalKind.Refused, "", $"probes were not taken out: {problem}", reason: problem.Reason);
        return problems;
    }
}
