using KernOpt.Measure.Comparing;
using KernOpt.Measure.Statistics;
using KernOpt.Measure.Watching;
using KernOpt.Target;
using MathNet.Numerics.Distributions;
using MathNet.Numerics.Random;
using Xunit;

namespace KernOpt.Tests.Measure;

public sealed class RegressionWatchTests
{
    private const int Windows = 2_000;
    private const int Programs = 300;
    private const double Rate = 20_000;

    [Fact]
    public void SteadyCost_AlarmsNoOftenerThanStated()
    {
        var alarms = Enumerable.Range(1, Programs).Count(seed => FirstAlarm(new Xoshiro256StarStar(seed, false)) is not null);
        TestContext.Current.TestOutputHelper?.WriteLine($"{alarms} false alarms in {Programs * Windows} windows");
        // Stated: one in 20,000 windows; 300 programs of 2,000 windows may give 30.
        Assert.False(IsRefuted(alarms), $"{alarms} alarms");
    }

    [Fact]
    public void NaiveThresholdOfThreeDeviations_AlarmsFarOftener_SoTheBoundCanFail()
    {
        var alarms = 0;
        for (var seed = 1; seed <= Programs; seed++)
        {
            var random = new Xoshiro256StarStar(seed, false);
            var kept = Costs(random, 20).Select(c => Math.Log(c)).ToArray();
            var test = PairedT.Of(kept);
            if (Costs(random, Windows).Any(c => (Math.Log(c) - test.Mean) / test.StandardDeviation > 3)) alarms++;
        }
        Assert.True(IsRefuted(alarms), $"{alarms} alarms");
    }

    [Theory]
    [InlineData(1.5)]
    [InlineData(3)]
    public void CostThatJumps_RollsBackWithinOneInterval(double factor)
    {
        var random = new Xoshiro256StarStar(11, false);
        var watch = Watch(random);
        for (var i = 0; i < 20; i++) Assert.True(watch.Observe(new() { Costs = Costs(random, 5) }).Stays);
        var decision = watch.Observe(new() { Costs = [.. Costs(random, 5).Select(c => c * factor)] });
        Assert.False(decision.Stays);
        Assert.Equal(Reasons.CostDrifted, decision.Reason);
    }

    [Fact]
    public void CostThatCreeps_IsFoundInTheEnd()
    {
        var random = new Xoshiro256StarStar(12, false);
        var watch = Watch(random);
        var stayed = Enumerable.Range(0, 200).TakeWhile(i => watch.Observe(new() { Costs = [.. Costs(random, 5).Select(c => c * (1 + 0.002 * i))] }).Stays).Count();
        Assert.InRange(stayed, 20, 150);
    }

    [Fact]
    public void OneSpike_IsNoReason()
    {
        var random = new Xoshiro256StarStar(13, false);
        var watch = Watch(random);
        Assert.True(watch.Observe(new() { Costs = [1_000, 100_000, 1_000, 1_000] }).Stays);
    }

    [Fact]
    public void GuardThatNoLongerHolds_RollsBackWithinOneInterval()
    {
        var watch = new RegressionWatch(new() { MinimumGuardHitRate = 0.9 });
        Assert.True(watch.Observe(new() { GuardHits = 990, GuardMisses = 10 }).Stays);
        Assert.True(watch.Observe(new() { GuardHits = 2, GuardMisses = 1 }).Stays, "three calls prove nothing");
        var decision = watch.Observe(new() { GuardHits = 500, GuardMisses = 500 });
        Assert.Equal(Reasons.GuardHitRateFell, decision.Reason);
        Assert.Equal(0.5, decision.GuardHitRate);
    }

    [Fact]
    public void GuardAtItsMinimum_AlarmsNoOftenerThanStated()
    {
        var random = new Xoshiro256StarStar(5, false);
        var watch = new RegressionWatch(new() { MinimumGuardHitRate = 0.8, WindowsPerFalseAlarm = 100 });
        var alarms = Enumerable.Range(0, 5_000).Count(_ =>
        {
            var hits = Binomial.Sample(random, 0.8, 500);
            return !watch.Observe(new() { GuardHits = hits, GuardMisses = 500 - hits }).Stays;
        });
        Assert.True(Proportion.LowerBound(alarms, 5_000, 0.999) <= 0.01, $"{alarms} of 5000");
        Assert.True(alarms > 0, "a bound that never alarms would pass without being tested");
    }

    [Fact]
    public void DearerThanTheOriginalBesideIt_RollsBack()
    {
        var noise = new Noise(9, 0.01);
        var watch = new RegressionWatch(new() { WindowsPerFalseAlarm = 1_000 });
        Assert.True(watch.Observe(new() { Blocks = [.. Enumerable.Range(0, 10).Select(_ => noise.NextBlock())] }).Stays);
        var decision = watch.Observe(new() { Blocks = [.. Enumerable.Range(0, 10).Select(_ => noise.NextBlock(2))] });
        Assert.Equal(Reasons.RegressedAgainstOriginal, decision.Reason);
    }

    private static bool IsRefuted(int alarms)
        => 1 - Poisson.CDF(Programs * Windows / Rate, alarms - 1) < 0.001;

    private static int? FirstAlarm(Xoshiro256StarStar random)
    {
        var watch = Watch(random);
        for (var window = 0; window < Windows; window += 5)
        {
            if (!watch.Observe(new() { Costs = Costs(random, 5) }).Stays) return window;
        }
        return null;
    }

    private static RegressionWatch Watch(Xoshiro256StarStar random) => new(new() { KeptCosts = Costs(random, 20), WindowsPerFalseAlarm = Rate });

    /// <summary>5 % spread with heavy tails, independent about a steady level.</summary>
    private static double[] Costs(Xoshiro256StarStar random, int count)
        => [.. Enumerable.Range(0, count).Select(_ => 1_000 * Math.Exp(Normal.Sample(random, 0, 0.04) + 0.015 * StudentT.Sample(random, 0, 1, 3)))];
}
