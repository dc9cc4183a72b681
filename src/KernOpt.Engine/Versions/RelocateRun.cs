using KernOpt.Engine.Profiling;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Target;

namespace KernOpt.Engine.Versions;

/// <summary>Relocates named functions, or all that are hot; what is refused is counted by reason.</summary>
public static class RelocateRun
{
    /// <summary>A function is hot with at least this many samples in the time.</summary>
    private const int FewestSamples = 2;

    public static async Task<Outcome<RelocateReport>> RunAsync(Session session, IReadOnlyList<string> names, TimeSpan time, IProgress<string> progress, CancellationToken cancellation)
    {
        // Before the target is touched: a name that does not exist is the user's mistake.
        foreach (var name in names)
        {
            if (!session.Program.Find(name).Try(out _, out var unknown)) return unknown;
        }
        if (!session.Change().Try(out _, out var why)) return why;
        if (names.Count == 0)
        {
            if (!(await HotProfiler.RunAsync(session, time, 997, progress, cancellation).ConfigureAwait(false)).Try(out var hot, out why)) return why;
            names = [.. hot.Ranked.Where(f => f.Samples >= FewestSamples).Select(f => f.Key.StableName)];
            if (names.Count == 0) return Reasons.NothingSampled.With($"in {time.TotalSeconds:0.#} s");
        }
        var installed = new List<VersionReport>();
        var refusals = new RefusalCount();
        foreach (var name in names)
        {
            if (cancellation.IsCancellationRequested) return Reasons.Interrupted.With($"{installed.Count} functions are relocated; revert takes them out");
            progress.Report(name);
            var moved = VersionMaker.Movable(session, name).Try(out var graph, out why) ? await VersionMaker.RelocateAsync(session, graph, progress, cancellation).ConfigureAwait(false) : why;
            if (moved.Try(out var report, out why)) installed.Add(report);
            else if (names.Count == 1) return why;
            else refusals.Add(why, name);
        }
        return new RelocateReport(session.Target.Name, installed, refusals.Rows());
    }
}
