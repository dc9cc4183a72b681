using KernOpt.Measure.Comparing;
using KernOpt.Measure.Statistics;
using Xunit;

namespace KernOpt.Tests.Measure;

public sealed class AbTestTests
{
    private const int Experiments = 2_000;

    private static readonly AbSettings Fixed = new() { Blocks = 24, MinimumBlocks = 8, Confidence = 0.95, SmallestEffect = 0.02 };

    /// <summary>Above this many of 2,000 a rate of 5 % is refuted at 99.9 % confidence.</summary>
    private static bool IsRefuted(int falseAlarms, double alpha) => Proportion.LowerBound(falseAlarms, Experiments, 0.999) > alpha;

    [Fact]
    public void ArmsAlike_HeavyTailedAutocorrelatedNoise_FalseVerdictsStayWithinAlpha()
        => Assert.False(IsRefuted(FalseAlarms(Fixed), Fixed.Alpha));

    [Theory]
    [InlineData(Spending.OBrienFleming)]
    [InlineData(Spending.Pocock)]
    public void ArmsAlike_LookedAtFourTimes_FalseVerdictsStayWithinAlpha(Spending spending)
        => Assert.False(IsRefuted(FalseAlarms(Fixed with { Looks = 4, Spending = spending }), Fixed.Alpha));

    [Fact]
    public void NaivePeekingAfterEveryBlock_BreaksTheBound_SoTheBoundCanFail()
    {
        var alarms = 0;
        for (var seed = 1; seed <= Experiments; seed++)
        {
            var noise = new Noise(seed);
            var ratios = new List<double>();
            for (var block = 0; block < Fixed.Blocks; block++)
            {
                ratios.Add(AbTest.LogRatio(noise.NextBlock(), Metric.CostPerCall)!.Value);
                if (ratios.Count < Fixed.MinimumBlocks || PairedT.Of(ratios).PValue > Fixed.Alpha) continue;
                alarms++;
                break;
            }
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{alarms} false verdicts in {Experiments} A/A experiments, naive peeking");
        Assert.True(IsRefuted(alarms, Fixed.Alpha), $"{alarms} of {Experiments}");
    }

    [Fact]
    public void ArmsInFixedOrderOnATrend_BreakTheBound_SoTheCoinMatters()
    {
        var ratios = Enumerable.Range(0, 24).Select(_ => Math.Log(1.03)).Select((r, i) => r + 0.001 * (i % 5)).ToArray();
        Assert.True(PairedT.Of(ratios).PValue < 0.05, "a warming machine: the second window is always 3 % dearer");
        var coin = new WindowSchedule(7);
        var randomized = ratios.Select(r => coin.NextBlock().First == Arm.Original ? r : -r).ToArray();
        Assert.True(PairedT.Of(randomized).PValue > 0.05);
    }

    [Fact]
    public void ArmsAlike_QuietMachineAndEnoughBlocks_ComesOutNoDifference()
    {
        var plan = AbPlan.For(Fixed with { Blocks = 400, Looks = 4, SmallestEffect = 0.03 });
        var none = Enumerable.Range(1, 200).Count(seed => Run(plan, new Noise(seed, 0.01), 1).Kind == VerdictKind.NoDifference);
        Assert.True(none >= 190, $"{none} of 200");
    }

    [Fact]
    public void ClearGain_IsFoundEarly_AndItsIntervalHoldsTheTruth()
    {
        var plan = AbPlan.For(Fixed with { Blocks = 40, Looks = 4 });
        int faster = 0, early = 0, held = 0;
        for (var seed = 1; seed <= 300; seed++)
        {
            var verdict = Run(plan, new Noise(seed), 0.7);
            if (verdict.Kind == VerdictKind.Faster) faster++;
            if (verdict.Basis.BlocksUsed < 40) early++;
            if (verdict.Interval.Contains(0.7)) held++;
        }
        Assert.True(faster >= 285 && early >= 240 && held >= 280, $"faster {faster}, early {early}, held {held}");
    }

    [Fact]
    public void ClearLoss_IsSlower()
        => Assert.Equal(VerdictKind.Slower, Run(AbPlan.For(Fixed with { Blocks = 40 }), new Noise(3), 1.4).Kind);

    [Fact]
    public void GainBelowTheSmallestWorthKeeping_IsNotFaster()
    {
        var verdict = AbTest.Decide(Blocks(0.985, 40, wobble: 0.001), Fixed with { SmallestEffect = 0.02 });
        Assert.Equal(VerdictKind.NoDifference, verdict.Kind);
        Assert.True(verdict.Interval.High < 1);
    }

    [Theory]
    [InlineData(1_000, VerdictKind.Faster)]
    [InlineData(10, VerdictKind.Faster)]
    [InlineData(5, VerdictKind.Inconclusive)]
    public void FasterByLessThanTheDetourCosts_IsNotFaster(int nanosecondsPerCall, VerdictKind expected)
    {
        // A fifth cheaper: of 5 ns that is 1 ns, less than the way through the switch costs a call.
        var length = TimeSpan.FromMilliseconds(200);
        AbBlock[] blocks = [.. Enumerable.Range(0, 24).Select(i => new AbBlock(
            new(Arm.Original, length, 1_000_000, nanosecondsPerCall * (1_000_000 + i % 3 * 1_000)), new(Arm.Version, length, 1_000_000, (long)(0.8 * nanosecondsPerCall * 1_000_000))))];
        var verdict = AbTest.Decide(blocks, Fixed);
        Assert.Equal(expected, verdict.Kind);
        Assert.Contains("the way through the switch costs about 1.5", verdict.Why, StringComparison.Ordinal);
    }

    [Fact]
    public void OneHugeBlock_CannotCarryTheVerdict()
    {
        double[] ratios = [.. Enumerable.Range(0, 20).Select(i => i % 2 == 0 ? -0.001 : 0.0011), .. Enumerable.Repeat(-9.0, 5)];
        var basis = new VerdictBasis(25, 0, 25, 1, 1, 0.05);
        Assert.True(PairedT.Of(ratios).PValue < 0.05);
        Assert.Equal(VerdictKind.Inconclusive, AbTest.Judge(ratios, Fixed, basis).Kind);
    }

    [Fact]
    public void TooFewBlocks_AreInconclusive_AndSaidSo()
    {
        var verdict = AbTest.Decide(Blocks(0.5, 5, 0.01), Fixed);
        Assert.Equal(VerdictKind.Inconclusive, verdict.Kind);
        Assert.Contains("only 5", verdict.Why);
    }

    [Fact]
    public void NoBlocksAtAll_IsInconclusive_NotACrash()
    {
        Assert.Equal(VerdictKind.Inconclusive, AbTest.Decide([], Fixed).Kind);
        Assert.Equal(VerdictKind.Inconclusive, new AbExperiment(Fixed).Finish().Kind);
    }

    [Fact]
    public void VersionThatNoSampleHit_IsMeasuredNotDropped()
    {
        var block = new AbBlock(
            new(Arm.Original, TimeSpan.FromMilliseconds(100), 1_000, 40_000_000) { Samples = 40 },
            new(Arm.Version, TimeSpan.FromMilliseconds(100), 1_000, 0) { Samples = 0 });
        Assert.Equal(Math.Log(0.5 / 40.5), AbTest.LogRatio(block, Metric.CostPerCall)!.Value, 9);
    }

    [Fact]
    public void ThroughputObjective_MoreIsBetter_EffectBelowOneIsGood()
    {
        var length = TimeSpan.FromMilliseconds(100);
        var block = new AbBlock(new(Arm.Version, length, 200, 0) { Objective = 2_000 }, new(Arm.Original, length, 200, 0) { Objective = 1_000 });
        Assert.Equal(Math.Log(0.5), AbTest.LogRatio(block, Metric.HigherObjective)!.Value, 9);
        Assert.Equal(Math.Log(2), AbTest.LogRatio(block, Metric.LowerObjective)!.Value, 9);
    }

    [Fact]
    public void ExclusionRules_DoNotSeeTheArm()
    {
        var rules = new WindowRules();
        var length = TimeSpan.FromMilliseconds(100);
        AbWindow[] windows =
        [
            new(Arm.Original, length, 10, 5), new(Arm.Original, length, 500, 5) { Samples = 1 },
            new(Arm.Original, length * 2, 500, 5), new(Arm.Original, length, 500, 5) { WasDisturbed = true },
        ];
        foreach (var odd in windows)
        {
            var good = new AbWindow(Arm.Original, length, 500, 5) { Samples = odd.Samples };
            var oddOriginal = rules.WhyExcluded(new(odd, good with { Arm = Arm.Version }));
            var oddVersion = rules.WhyExcluded(new(odd with { Arm = Arm.Version }, good));
            Assert.NotNull(oddOriginal);
            Assert.Equal(oddOriginal, oddVersion);
        }
    }

    private static int FalseAlarms(AbSettings settings)
    {
        var plan = AbPlan.For(settings);
        var alarms = Enumerable.Range(1, Experiments).Count(seed => Run(plan, new Noise(seed), 1).Kind is VerdictKind.Faster or VerdictKind.Slower);
        TestContext.Current.TestOutputHelper?.WriteLine($"{alarms} false verdicts in {Experiments} A/A experiments, {settings.Looks} looks, {settings.Spending}");
        return alarms;
    }

    private static Verdict Run(AbPlan plan, Noise noise, double effect)
    {
        var experiment = new AbExperiment(plan);
        for (var i = 0; i < 2 * plan.Settings.Blocks; i++)
        {
            if (experiment.Add(noise.NextBlock(effect)) is { } verdict) return verdict;
        }
        return experiment.Finish();
    }

    private static List<AbBlock> Blocks(double effect, int count, double wobble)
    {
        var length = TimeSpan.FromMilliseconds(200);
        return [.. Enumerable.Range(0, count).Select(i => new AbBlock(
            new(Arm.Original, length, 1_000, 1_000_000),
            new(Arm.Version, length, 1_000, (long)(1_000_000 * effect * (1 + (i % 2 == 0 ? wobble : -wobble) * (1 + i % 3))))))];
    }
}
