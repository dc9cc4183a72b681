using KernOpt.Measure.Statistics;
using KernOpt.Target;

namespace KernOpt.Measure.Watching;

/// <summary>
/// Watches a version after it was kept. Two detectors, each able to answer within one interval: the guard's hit rate, surely below the
/// minimum (exact binomial bound), and the cost per call (<see cref="CostDrift"/>).
/// </summary>
public sealed class RegressionWatch(WatchSettings settings)
{
    private readonly CostDrift cost = new(settings);

    /// <summary>Judges one interval.</summary>
    public WatchDecision Observe(WatchInterval interval)
    {
        var calls = interval.GuardHits + interval.GuardMisses;
        // Every slice is learnt from, whatever the guard says.
        WatchDecision? drift = null;
        foreach (var slice in interval.Slices)
        {
            if (cost.Observe(slice) is { } text) drift ??= new(false, Reasons.CostDrifted, text);
        }
        return (Guard(interval) ?? drift ?? new(true, null, "within what it was kept at")) with
        {
            GuardHitRate = calls > 0 ? (double)interval.GuardHits / calls : null,
            DriftLevel = cost.Level,
        };
    }

    private WatchDecision? Guard(WatchInterval interval)
    {
        var calls = interval.GuardHits + interval.GuardMisses;
        if (calls == 0) return null;
        var atMost = Proportion.UpperBound(interval.GuardHits, calls, 1 - 1 / settings.SlicesPerFalseAlarm);
        return atMost >= settings.MinimumGuardHitRate ? null : new(false, Reasons.GuardHitRateFell,
            $"the guard held in {(double)interval.GuardHits / calls:P1} of {calls} calls, surely below {settings.MinimumGuardHitRate:P1}");
    }
}
