using System.Diagnostics;
using KernOpt.Engine.Probing;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Measure.Statistics;
using KernOpt.Target;

namespace KernOpt.Engine.Blaming;

/// <summary>Looks for where the time of a function goes, down its calls, until what takes it is named.</summary>
public static class BlameRun
{
    /// <summary>Claims the target. Ended early it answers what it found until then. Refused when the root cannot be found, or its time cannot be measured.</summary>
    public static async Task<Outcome<BlameReport>> RunAsync(Session session, string root, BlameSettings settings, IProgress<string> progress, CancellationToken cancellation)
    {
        if (!session.Change().Try(out _, out var why)) return why;
        if (!session.Program.Find(root).Try(out var function, out why)) return why;
        if (!session.Target.FindThreadNumberOffset().Try(out var offset, out why)) return why;
        Leftovers.TakeOutPoints(session);
        var refusals = new RefusalCount();
        var clock = Stopwatch.StartNew();
        var search = new BlameSearch(new LiveBreakdowns(session, offset, settings.Step, refusals, progress), settings, () => clock.Elapsed >= settings.Longest || session.Target.State != TargetState.Alive, progress);
        if (!(await search.RunAsync(CalleeNames.Of(function), cancellation).ConfigureAwait(false)).Try(out var tree, out why)) return why;
        var notes = All(tree.Root).SelectMany(n => n.Breakdown?.Notes ?? []).Distinct().ToList();
        if (session.Target.State != TargetState.Alive) notes.Add($"{await Ending.OfAsync(session, cancellation).ConfigureAwait(false)}");
        var (measured, inside) = (tree.Root.Breakdown!.Seconds, tree.Root.Breakdown.Inside.Sum());
        return new BlameReport(session.Target.Name, function.DisplayName, function.Module.Name, clock.Elapsed.TotalSeconds, settings.Step.TotalSeconds, settings.Threshold, tree.Steps,
            measured == 0 ? 0 : inside / measured, VerdictOf(tree.Verdict), RowOf(tree.Root), refusals.Rows(), notes);
    }

    private static IEnumerable<BlameNode> All(BlameNode node) => node.Children.SelectMany(All).Prepend(node);

    private static BlameVerdictRow VerdictOf(BlameVerdict verdict)
    {
        if (verdict.Largest is not { } largest) return new BlameVerdictRow("inconclusive", null, null, null, null, null, null, [], 0, verdict.Why);
        var (low, high) = largest.Share.Interval(BlameSettings.Alpha);
        return new BlameVerdictRow(verdict.Bottleneck is null ? "inconclusive" : "bottleneck", largest.Kind, largest.Callee.Name, largest.Callee.Module, largest.Share.Value, low, Finite(high),
            [.. Path(largest.Largest).Reverse()], largest.Places, verdict.Why);
    }

    private static IEnumerable<string> Path(BlameNode? node)
    {
        for (; node is not null; node = node.Parent) yield return node.Callee.Name;
    }

    private static BlameRow RowOf(BlameNode node)
    {
        var (low, high) = node.Share.Interval(BlameSettings.Alpha);
        var found = node.Breakdown;
        return new BlameRow(node.Callee.Name, node.Callee.Module, node.Callee.Kind, node.IsTail, node.Share.Value, low, Finite(high), node.Own?.Value, node.CallsPerSecond, node.MeanNanoseconds,
            found is null || found.Seconds == 0 ? null : found.Inside.Sum() / found.Seconds, node.IsRecursive ? "it is above already" : node.WhyNot, found?.Unmeasured ?? [], found?.Lost ?? 0, [.. node.Children.Select(RowOf)]);
    }

    /// <summary>Where a share has no upper end it has that of shares.</summary>
    private static double Finite(double high) => double.IsFinite(high) ? high : 1;
}
