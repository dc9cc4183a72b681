using System.Diagnostics;
using KernOpt.Code.Images;
using KernOpt.Engine.Probing;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Live.Points;
using KernOpt.Target;

namespace KernOpt.Engine.Covering;

/// <summary>What was covered, for people and scripts, and by source file.</summary>
public sealed record CoverResult(CoverReport Report, IReadOnlyList<CoveredFile> Files);

/// <summary>
/// Which basic blocks of modules are run within a time. Each block gets a mark that is set when it is passed; the text of those that have been is brought back while the others wait, so that
/// the program gets its speed back.
/// </summary>
public static class CoverRun
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(250);

    /// <param name="session">Its target is claimed.</param>
    /// <param name="modules">File names of loaded modules; none: the program itself.</param>
    /// <param name="behindCalls">Also watch what is run when a call has come back: else a block that was begun counts as run to its end.</param>
    /// <param name="time">Ended early, it answers what was seen until then.</param>
    /// <param name="progress">What is being done, and how much is covered by now.</param>
    /// <param name="cancellation">The caller's end.</param>
    public static async Task<Outcome<CoverResult>> RunAsync(Session session, IReadOnlyList<string> modules, bool behindCalls, TimeSpan time, IProgress<string> progress, CancellationToken cancellation)
    {
        if (!Find(session, modules).Try(out var images, out var why)) return why;
        if (!session.Change().Try(out _, out why)) return why;
        Leftovers.TakeOutPoints(session);
        var refusals = new RefusalCount();
        var program = new HitProgram();
        progress.Report($"planning {string.Join(", ", images.Select(m => m.Name))}");
        var places = images.Select(m => Place.Parse($"{m.Name}!*:blocks", _ => false).Value with { Kind = behindCalls ? PlaceKind.Parts : PlaceKind.Blocks }).ToList();
        if (!PlaceSearch.Plan(session, places, program, refusals, cancellation).Try(out var plans, out why)) return why;
        using var probes = new PlacedProbes(session, program, "cover", refusals, progress);
        var clock = Stopwatch.StartNew();
        probes.Install(plans, cancellation);
        var placing = clock.Elapsed;
        if (cancellation.IsCancellationRequested) return Reasons.Interrupted.With("");
        if (probes.Points.Count == 0) return refusals.Rows() is [var first, ..] ? first.Reason.With(first.Detail ?? first.Examples[0]) : Reasons.NoPoint.With("");
        var marks = new HitMarks(session, probes.Points);
        var seconds = await probes.WatchAsync(time, Look, () =>
        {
            marks.Look();
            progress.Report($"{marks.Hit} of {probes.Points.Count} places run ({(double)marks.Hit / probes.Points.Count:P1}), {marks.Waiting} marks wait");
        }, cancellation).ConfigureAwait(false);
        marks.Look();
        clock.Restart();
        var notes = await probes.RemoveAsync(cancellation).ConfigureAwait(false);
        var covered = images.Select(m => CoveredModule.Of(session, m, marks, behindCalls)).ToList();
        var report = new CoverReport(session.Target.Name, seconds, placing.TotalSeconds, clock.Elapsed.TotalSeconds, probes.Points.Count, marks.Waiting, [.. covered.Select(c => c.Row)],
            [.. covered.SelectMany(c => c.Files).Select(f => f.Row)], refusals.Rows(), [.. notes, .. marks.Problems.Select(p => $"{p}")]);
        return new CoverResult(report, [.. covered.SelectMany(c => c.Files)]);
    }

    private static Outcome<IReadOnlyList<ModuleImage>> Find(Session session, IReadOnlyList<string> names)
    {
        if (names.Count == 0) return session.Program.MainProgram is { } main ? new[] { main } : Reasons.NoModules.With("");
        var found = new List<ModuleImage>();
        foreach (var name in names.Distinct())
        {
            if (session.Program.Modules.FirstOrDefault(m => m.Name == name) is not { } module)
                return Reasons.ModuleNotFound.With($"{name}; loaded are {string.Join(", ", session.Program.Modules.Select(m => m.Name))}");
            found.Add(module);
        }
        return found;
    }
}
