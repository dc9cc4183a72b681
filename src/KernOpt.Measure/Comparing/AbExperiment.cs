using KernOpt.Measure.Statistics;

namespace KernOpt.Measure.Comparing;

/// <summary>The looks of an experiment with their levels; computed once, shared by experiments with the same settings. Immutable.</summary>
public sealed class AbPlan
{
    private readonly SpendingBoundary[] boundaries;

    private AbPlan(AbSettings settings, int[] looks, SpendingBoundary[] boundaries)
    {
        Settings = settings;
        LooksAt = looks;
        this.boundaries = boundaries;
    }

    public AbSettings Settings { get; }

    /// <summary>The numbers of usable blocks at which it is looked at, ascending; the last is the horizon.</summary>
    public IReadOnlyList<int> LooksAt { get; }

    public static AbPlan For(AbSettings settings)
    {
        var horizon = Math.Max(settings.Blocks, settings.MinimumBlocks);
        var looks = Enumerable.Range(1, Math.Max(1, settings.Looks))
            .Select(k => (int)Math.Round((double)horizon * k / Math.Max(1, settings.Looks)))
            .Where(n => n >= settings.MinimumBlocks).Distinct().ToArray();
        var boundaries = new SpendingBoundary[looks.Length];
        var boundary = SpendingBoundary.Start(settings.Alpha, settings.Spending);
        for (var k = 0; k < looks.Length; k++)
        {
            boundary = boundary.Look((double)looks[k] / horizon, isLast: k == looks.Length - 1);
            boundaries[k] = boundary;
        }
        return new(settings, looks, boundaries);
    }

    /// <summary>The two-sided level of the k-th planned look, from 0.</summary>
    public double NominalAlpha(int look) => boundaries[look].NominalAlpha;

    /// <summary>The level of a last look that the clock forced after <paramref name="looksDone"/> planned ones.</summary>
    internal double NominalAlphaAtTheEnd(int looksDone, int blocks)
    {
        if (looksDone == 0) return Settings.Alpha;
        return boundaries[looksDone - 1].Look((double)blocks / LooksAt[^1], isLast: true).NominalAlpha;
    }
}

/// <summary>
/// One comparison as it grows. Blocks are added as they end; a verdict comes at a planned look where it is clear, and in any case at the horizon.
/// Looking at it at any other time is not possible: that would inflate the error.
/// </summary>
public sealed class AbExperiment(AbPlan plan)
{
    private readonly List<AbBlock> blocks = [];
    private int usable;
    private int looksDone;

    public AbExperiment(AbSettings settings) : this(AbPlan.For(settings)) { }

    public IReadOnlyList<AbBlock> Blocks => blocks;

    public Verdict? Verdict { get; private set; }

    /// <summary>Adds a block; answers the verdict once there is one, null while the experiment goes on.</summary>
    public Verdict? Add(AbBlock block)
    {
        if (Verdict is not null) throw new InvalidOperationException("the experiment has ended");
        blocks.Add(block);
        var settings = plan.Settings;
        if (settings.Rules.WhyExcluded(block) is not null || AbTest.LogRatio(block, settings.Metric) is null) return null;
        usable++;
        if (looksDone >= plan.LooksAt.Count || usable < plan.LooksAt[looksDone]) return null;
        var verdict = AbTest.Decide(blocks, settings, looksDone + 1, plan.LooksAt.Count, plan.NominalAlpha(looksDone));
        looksDone++;
        var isLast = looksDone == plan.LooksAt.Count;
        return isLast || verdict.Kind != VerdictKind.Inconclusive ? Verdict = verdict : null;
    }

    /// <summary>The time is up: the last look, at what there is, with the error that is left.</summary>
    public Verdict Finish()
    {
        if (Verdict is not null) return Verdict;
        var nominal = plan.NominalAlphaAtTheEnd(looksDone, usable);
        return Verdict = AbTest.Decide(blocks, plan.Settings, looksDone + 1, Math.Max(plan.LooksAt.Count, looksDone + 1), nominal);
    }
}
