using KernOpt.Measure.Statistics;

namespace KernOpt.Measure.Comparing;

/// <summary>
/// Decides a comparison: a paired t-test on the log-ratio of the costs in each randomized block, confirmed by Wilcoxon's signed-rank test.
/// "Faster" needs the whole interval below 1, the effect past the smallest one, and the confirmation; "slower" the interval above 1 and the
/// confirmation; "no difference" the whole interval within the smallest effect of 1 (two one-sided tests, Schuirmann 1987). See adr/0005.
/// </summary>
public static class AbTest
{
    public const string Assumptions =
        "The order of the two windows of a block is a fair coin, so that, when the arms are alike, each block's log-ratio is symmetric about 0 and " +
        "independent in sign of the others, whatever the trend, autocorrelation or tails of the noise; the signed-rank test then is exact, and the t-test's " +
        "level holds approximately, better with more blocks. Blocks are left out only by rules fixed in advance that do not see the arms. " +
        "One arm leaves nothing behind that changes the next window (caches and predictors settle in a small part of a window).";

    /// <summary>The fixed horizon: one look at all blocks that there are, with the whole error.</summary>
    public static Verdict Decide(IReadOnlyList<AbBlock> blocks, AbSettings settings)
        => Decide(blocks, settings, look: 1, looks: 1, settings.Alpha);

    /// <summary>The natural logarithm of version's cost over the original's in one block; null where it has none (a cost of zero, no objective).</summary>
    public static double? LogRatio(AbBlock block, Metric metric)
    {
        var half = HalfSample(block);
        var version = Cost(block.Version, metric, half);
        var original = Cost(block.Original, metric, half);
        if (!(version > 0) || !(original > 0)) return null;
        var ratio = Math.Log(version / original);
        return double.IsFinite(ratio) ? ratio : null;
    }

    internal static Verdict Decide(IReadOnlyList<AbBlock> blocks, AbSettings settings, int look, int looks, double nominalAlpha)
    {
        var (ratios, exclusions) = Usable(blocks, settings);
        var basis = new VerdictBasis(ratios.Count, blocks.Count - ratios.Count, settings.Blocks, look, looks, nominalAlpha) { Exclusions = exclusions };
        return Detour.Judge(Judge(ratios, settings, basis), blocks, settings);
    }

    internal static (List<double> Ratios, SortedDictionary<string, int> Exclusions) Usable(IReadOnlyList<AbBlock> blocks, AbSettings settings)
    {
        var ratios = new List<double>(blocks.Count);
        var exclusions = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var block in blocks)
        {
            var why = settings.Rules.WhyExcluded(block);
            if (why is null && LogRatio(block, settings.Metric) is { } ratio) ratios.Add(ratio);
            else exclusions[why ?? "a cost that is not positive"] = exclusions.GetValueOrDefault(why ?? "a cost that is not positive") + 1;
        }
        return (ratios, exclusions);
    }

    internal static Verdict Judge(IReadOnlyList<double> ratios, AbSettings settings, VerdictBasis basis)
    {
        var test = PairedT.Of(ratios);
        var rank = SignedRank.Of(ratios, basis.NominalAlpha);
        var effect = ratios.Count == 0 ? double.NaN : Math.Exp(test.Mean);
        var interval = Exponential(test.IntervalAt(basis.NominalAlpha));
        var robust = new RobustCheck(rank.PValue, ratios.Count == 0 ? double.NaN : Math.Exp(rank.Estimate), Exponential(rank.Interval));
        var (kind, why) = KindOf(new(effect, interval, robust), settings, basis);
        return new(kind, effect, interval, test.PValue, robust, basis, why)
        {
            Test = TestName(settings, basis),
            BlocksNeeded = kind == VerdictKind.Inconclusive ? BlocksNeeded(test, settings) : 0,
        };
    }

    private readonly record struct Estimate(double Effect, Interval Interval, RobustCheck Robust);

    private static (VerdictKind Kind, string Why) KindOf(Estimate e, AbSettings settings, VerdictBasis basis)
    {
        if (basis.BlocksUsed < settings.MinimumBlocks)
            return (VerdictKind.Inconclusive, $"only {basis.BlocksUsed} usable blocks of the {settings.MinimumBlocks} that are needed");
        var (low, high) = (1 - settings.SmallestEffect, 1 / (1 - settings.SmallestEffect));
        if (e.Interval.IsWithin(low, high) && e.Robust.Effect >= low && e.Robust.Effect <= high)
            return (VerdictKind.NoDifference, $"the whole interval lies within {settings.SmallestEffect:P1} of no effect");
        if (e.Interval.Low <= 1 && e.Interval.High >= 1)
            return (VerdictKind.Inconclusive, "the interval holds both no effect and effects that would matter");
        if (Math.Sign(e.Robust.Effect - 1) != Math.Sign(e.Effect - 1) || e.Robust.PValue > settings.Alpha)
            return (VerdictKind.Inconclusive, $"the signed-rank test does not confirm the t-test (p = {e.Robust.PValue:0.###}, ratio {e.Robust.Effect:0.000}): a few blocks decide it");
        if (e.Interval.Low > 1) return (VerdictKind.Slower, "the whole interval lies above 1");
        return e.Effect <= low
            ? (VerdictKind.Faster, "the whole interval lies below 1 and the effect passes the smallest one worth keeping")
            : (VerdictKind.Inconclusive, $"faster, but by less than the {settings.SmallestEffect:P1} that is worth keeping");
    }

    /// <summary>For "no difference" or an effect of the smallest size to show with 80 % power, at the spread seen so far (normal approximation).</summary>
    private static int BlocksNeeded(PairedT test, AbSettings settings)
    {
        if (test.Count < 2 || !double.IsFinite(test.StandardDeviation)) return 0;
        var z = -MathNet.Numerics.Distributions.Normal.InvCDF(0, 1, settings.Alpha / 2) + 0.8416;
        var needed = Math.Pow(z * test.StandardDeviation / -Math.Log(1 - settings.SmallestEffect), 2);
        return (int)Math.Clamp(Math.Ceiling(needed), settings.MinimumBlocks, 1_000_000);
    }

    private static double Cost(AbWindow window, Metric metric, double half) => metric switch
    {
        Metric.CostPerCall => window.Calls > 0 ? (window.SelfCpuNanoseconds + half) / window.Calls : double.NaN,
        Metric.LowerObjective => window.Objective ?? double.NaN,
        _ => 1 / window.Objective ?? double.NaN,
    };

    /// <summary>
    /// Half of an average sample is added to both windows, so that a version so fast that no sample hit it has a cost above zero.
    /// It pulls the ratio towards 1, never away from it.
    /// </summary>
    private static double HalfSample(AbBlock block)
        => block.First.Samples + block.Second.Samples is { } samples and > 0
            ? (block.First.SelfCpuNanoseconds + block.Second.SelfCpuNanoseconds) / (2.0 * samples)
            : 0;

    private static Interval Exponential(Interval logs) => new(Math.Exp(logs.Low), Math.Exp(logs.High));

    private static string TestName(AbSettings settings, VerdictBasis basis)
    {
        var looks = basis.Looks == 1
            ? "fixed horizon"
            : $"look {basis.Look} of {basis.Looks}, {(settings.Spending == Spending.Pocock ? "Pocock" : "O'Brien–Fleming")} alpha spending, nominal level {basis.NominalAlpha:0.#####}";
        return $"paired t-test on log-ratios of randomized blocks, two-sided, alpha {settings.Alpha:0.####}, {looks}; confirmed by Wilcoxon signed-rank with Hodges–Lehmann";
    }
}
