using KernOpt.Measure.Comparing;
using KernOpt.Measure.Statistics;
using KernOpt.Target;
using MathNet.Numerics.Distributions;

namespace KernOpt.Measure.Watching;

/// <summary>What one measuring interval of a kept version showed.</summary>
public sealed record WatchInterval
{
    /// <summary>Calls whose guard held in this interval; 0 and 0 where the version has no guard.</summary>
    public long GuardHits { get; init; }
    public long GuardMisses { get; init; }

    /// <summary>
    /// Cost per call of the version, one figure per window, in the unit of <see cref="WatchSettings.KeptCosts"/>. Three or more windows
    /// an interval let a clear jump be seen within that interval.
    /// </summary>
    public IReadOnlyList<double> Costs { get; init; } = [];

    /// <summary>Short comparisons beside the original, where the loop makes any.</summary>
    public IReadOnlyList<AbBlock> Blocks { get; init; } = [];
}

/// <summary>When a kept version has to go.</summary>
public sealed record WatchSettings
{
    /// <summary>0..1.</summary>
    public double MinimumGuardHitRate { get; init; } = 0.8;

    /// <summary>The version's cost per call in the windows on which it was kept: what later ones are held against. Fewer than 8: cost drift is not judged.</summary>
    public IReadOnlyList<double> KeptCosts { get; init; } = [];

    /// <summary>A rise of the cost by less than this (0..1) is never a reason.</summary>
    public double SmallestEffect { get; init; } = 0.02;

    /// <summary>One false alarm of the cost in so many windows, and of the guard or the comparison in so many intervals, on average at most; 100..10,000,000.</summary>
    public double WindowsPerFalseAlarm { get; init; } = 20_000;

    public Metric Metric { get; init; } = Metric.CostPerCall;
    public WindowRules Rules { get; init; } = new();
}

/// <summary>Whether the version stays, and if not, why. Text is for people; the figures are what it rests on.</summary>
public sealed record WatchDecision(bool Stays, Reason? Reason, string Text)
{
    public double? GuardHitRate { get; init; }

    /// <summary>The sum's present height divided by the height of alarm, 0..1 and above.</summary>
    public double? DriftLevel { get; init; }
}

/// <summary>
/// Watches a version after it was kept. Three detectors, each able to answer within one interval: the guard's hit rate, surely below the
/// minimum (exact binomial bound); the cost per call, by a cumulative sum of its standardized excess (Page, Biometrika 41, 1954) over
/// the windows on which it was kept; and short comparisons beside the original, by the paired test. Excesses are clipped at 4, so that no single spike alarms.
/// Assumes windows that are independent about the level they were kept at; a lasting change of level is what it is meant to find, whatever brought it.
/// </summary>
public sealed class RegressionWatch
{
    private const double Clip = 4;
    private const int FewestKeptCosts = 8;

    private readonly WatchSettings settings;
    private readonly double mean;
    private readonly double deviation;
    private readonly double slack;
    private readonly double height;
    private double sum;

    public RegressionWatch(WatchSettings settings)
    {
        this.settings = settings;
        var logs = settings.KeptCosts.Where(c => c > 0).Select(c => Math.Log(c)).ToArray();
        if (logs.Length < FewestKeptCosts) return;
        var kept = PairedT.Of(logs);
        mean = kept.Mean;
        // The level itself is known only to kept.Error: twice that belongs to the spread, or a badly known level would look like a drift.
        deviation = Math.Max(Math.Sqrt(kept.StandardDeviation * kept.StandardDeviation * SpreadMargin(logs.Length)), 1e-4);
        slack = 1 + (2 * kept.Error - Math.Log(1 - settings.SmallestEffect)) / deviation;
        height = HeightFor(settings.WindowsPerFalseAlarm);
    }

    /// <summary>Judges one interval. After an answer that it goes, the watch has done its work.</summary>
    public WatchDecision Observe(WatchInterval interval)
    {
        var guard = Guard(interval);
        var drift = Drift(interval);
        var first = guard ?? drift ?? Compared(interval);
        var calls = interval.GuardHits + interval.GuardMisses;
        return (first ?? new(true, null, "within what it was kept at")) with
        {
            GuardHitRate = calls > 0 ? (double)interval.GuardHits / calls : null,
            DriftLevel = height > 0 ? sum / height : null,
        };
    }

    /// <summary>
    /// The height at which a one-sided cumulative sum of standard normal excesses less 1 alarms once in so many windows: Siegmund's approximation
    /// (Sequential Analysis, 1985, 2.6), ARL = (exp(2k(h + 1.166)) − 1 − 2k(h + 1.166)) / 2k², with k = 1.
    /// </summary>
    internal static double HeightFor(double windowsPerAlarm)
    {
        double low = 0, high = 50;
        for (var i = 0; i < 60; i++)
        {
            var middle = (low + high) / 2;
            var reach = 2 * (middle + 1.166);
            if ((Math.Exp(reach) - 1 - reach) / 2 < windowsPerAlarm) low = middle;
            else high = middle;
        }
        return high;
    }

    /// <summary>How far the true variance may lie above the one seen in so few windows (upper 90 % bound of chi-square).</summary>
    private static double SpreadMargin(int count) => (count - 1) / ChiSquared.InvCDF(count - 1, 0.1);

    private WatchDecision? Guard(WatchInterval interval)
    {
        var calls = interval.GuardHits + interval.GuardMisses;
        if (calls == 0) return null;
        var atMost = Proportion.UpperBound(interval.GuardHits, calls, 1 - 1 / settings.WindowsPerFalseAlarm);
        return atMost >= settings.MinimumGuardHitRate ? null : new(false, Reasons.GuardHitRateFell,
            $"the guard held in {(double)interval.GuardHits / calls:P1} of {calls} calls, surely below {settings.MinimumGuardHitRate:P1}");
    }

    private WatchDecision? Drift(WatchInterval interval)
    {
        if (height <= 0) return null;
        foreach (var cost in interval.Costs.Where(c => c > 0 && double.IsFinite(c)))
        {
            var excess = Math.Clamp((Math.Log(cost) - mean) / deviation, -Clip, Clip + slack - 1);
            sum = Math.Max(0, sum + excess - slack);
            if (sum <= height) continue;
            return new(false, Reasons.CostDrifted,
                $"the cost per call rose to {Math.Exp(Math.Log(cost) - mean):0.00} times what it was when the version was kept");
        }
        return null;
    }

    private WatchDecision? Compared(WatchInterval interval)
    {
        if (interval.Blocks.Count == 0) return null;
        var alpha = Math.Clamp(2 / settings.WindowsPerFalseAlarm, 1e-6, 0.05);
        var (ratios, _) = AbTest.Usable(interval.Blocks, new() { Metric = settings.Metric, Rules = settings.Rules });
        var test = PairedT.Of(ratios);
        if (ratios.Count < 4 || test.Mean <= 0 || test.IntervalAt(alpha).Low <= 0) return null;
        return new(false, Reasons.RegressedAgainstOriginal,
            $"beside the original it now costs {Math.Exp(test.Mean):0.00} times as much ({ratios.Count} blocks, p = {test.PValue:0.#####})");
    }
}
