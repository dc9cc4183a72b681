using KernOpt.Measure.Statistics;
using KernOpt.Target;

namespace KernOpt.Engine.Blaming;

/// <summary>
/// Looks for where the time of a root goes, from callers to callees: of all that has the threshold's share of it and was not looked into, the largest first. One function at a time is measured, so
/// shares further down are of what the functions above did in windows of their own: their ratios are multiplied. What ends the search is that nothing large is left.
/// </summary>
public sealed class BlameSearch(IBreakdowns breakdowns, BlameSettings settings, Func<bool> isTimeOver, IProgress<string> progress)
{
    /// <summary>Refused where the root cannot be measured. Ended early it answers what it has found.</summary>
    public async Task<Outcome<BlameTree>> RunAsync(Callee rootCallee, CancellationToken cancellation)
    {
        var root = new BlameNode(rootCallee, null, isTail: false, RatioOfSums.Whole, 0, null);
        if (!(await MeasureAsync(root, cancellation).ConfigureAwait(false)).Try(out _, out var why)) return why;
        root.CallsPerSecond = root.Breakdown!.Calls / root.Breakdown.Seconds;
        if (root.Breakdown.Calls > 0) root.MeanNanoseconds = root.Breakdown.Inside.Sum() / root.Breakdown.Calls * 1e9;
        var (steps, isCutShort) = (1, false);
        while (!cancellation.IsCancellationRequested && !isTimeOver() && Next(root) is { } next)
        {
            progress.Report($"step {steps + 1}: {next.Callee}, {next.Share.Value:P0} of the time");
            if (!(await MeasureAsync(next, cancellation).ConfigureAwait(false)).Try(out _, out why))
            {
                // That it was not measured says nothing of it: it is left open.
                isCutShort = cancellation.IsCancellationRequested || why.Reason == Reasons.Interrupted || why.Reason == Reasons.TargetEnded || why.Reason == Reasons.TargetGone || why.Reason == Reasons.TargetReplaced;
                if (isCutShort) break;
                next.WhyNot = $"{why}";
            }
            steps++;
        }
        return new BlameTree(root, Judge(root, isCutShort || cancellation.IsCancellationRequested), steps);
    }

    private async Task<Outcome<Done>> MeasureAsync(BlameNode node, CancellationToken cancellation)
    {
        // What was not seen to end in its caller's window is in there all the time, and will not be seen to begin.
        var isInside = node.Parent is null || (node.CallsPerSecond == 0 && node.Share.Value > 0);
        var request = new BreakdownRequest(node.Callee, isInside ? null : node.Caller?.Callee, node.Via, isInside);
        if (!(await breakdowns.MeasureAsync(request, cancellation).ConfigureAwait(false)).Try(out var found, out var why)) return why;
        if (found.Inside.Sum() <= 0 && node.Parent is not null) return Reasons.NotCalled.With($"{node.Callee} in {found.Seconds:0.0} s, unlike before");
        node.Found(found);
        return Done.It;
    }

    private BlameNode? Next(BlameNode root) => Open(root).OrderByDescending(n => n.Share.Value).FirstOrDefault();

    private IEnumerable<BlameNode> Open(BlameNode root) => All(root).Where(n => IsLarge(n) && n.Breakdown is null && n.WhyNot is null && n.Callee.Kind == CalleeKind.Function && !n.IsRecursive && n.Depth < settings.Depth);

    private bool IsLarge(BlameNode node) => node.Share.Value >= settings.Threshold;

    private static IEnumerable<BlameNode> All(BlameNode node) => node.Children.SelectMany(All).Prepend(node);

    private BlameVerdict Judge(BlameNode root, bool isInterrupted)
    {
        if (root.Breakdown!.Inside.Sum() <= 0)
            return new BlameVerdict(null, null, $"no thread came into {root.Callee}, or made a call in it, within {root.Breakdown.Seconds:0.0} s; one that is in a callee all the time is not seen: take a function further in");
        var largest = Candidates(root).OrderByDescending(c => c.Share.Value).FirstOrDefault();
        var left = Open(root).OrderByDescending(n => n.Share.Value).ToList();
        var ended = left.Count == 0 ? $"nothing else has {settings.Threshold:P0} of the time"
            : $"{(isInterrupted ? "it was interrupted" : $"{settings.Longest.TotalSeconds:0.#} s were over")} before {string.Join(", ", left.Take(3).Select(n => $"{n.Callee} ({n.Share.Value:P0})"))} could be looked into";
        if (largest is null) return new BlameVerdict(null, null, ended);
        var (low, high) = largest.Share.Interval(BlameSettings.Alpha);
        if (left.Count > 0 && left[0].Share.Value > largest.Share.Value) return new BlameVerdict(null, largest, $"{ended}; there may be more in it than in what was found");
        if (low >= settings.Threshold) return new BlameVerdict(largest, largest, ended);
        return new BlameVerdict(null, largest, high < settings.Threshold
            ? $"the time is spread: no part has {settings.Threshold:P0} of it; {ended}"
            : $"the largest part, {largest.Share.Value:P0}, cannot be told from {settings.Threshold:P0}: it is between {low:P0} and {Math.Min(high, 1):P0}; {ended}");
    }

    /// <summary>Own time of what was looked into, system calls, and what cannot be looked into, each at all of its places together.</summary>
    private IEnumerable<BlameCandidate> Candidates(BlameNode root)
    {
        var ends = new List<(BlameKind Kind, BlameNode Node, RatioOfSums Share)>();
        foreach (var node in All(root))
        {
            if (node.Own is { } own) ends.Add((BlameKind.OwnTime, node, own));
            else if (node.Callee.Kind == CalleeKind.SystemCall) ends.Add((BlameKind.SystemCall, node, node.Share));
            else if (node.Callee.Kind == CalleeKind.Unknown || node.WhyNot is not null || (node.Depth >= settings.Depth && IsLarge(node))) ends.Add((BlameKind.NotLookedInto, node, node.Share));
        }
        return ends.GroupBy(e => (e.Kind, e.Node.Callee)).Select(g => new BlameCandidate(g.Key.Kind, g.Key.Callee, g.Skip(1).Aggregate(g.First().Share, (sum, e) => sum.Plus(e.Share)),
            g.MaxBy(e => e.Share.Value).Node, g.Count()));
    }
}
