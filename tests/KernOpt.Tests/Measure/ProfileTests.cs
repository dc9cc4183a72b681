using KernOpt.Measure.Profiles;
using KernOpt.Measure.Statistics;
using KernOpt.Target;
using MathNet.Numerics.Random;
using Xunit;

namespace KernOpt.Tests.Measure;

public sealed class ProfileTests
{
    [Fact]
    public void Shares_AreByWeight_AndUnknownCodeCountsInTheWhole()
    {
        var profile = new HotProfile<string>(a => a.Value switch { < 0x1000 => null, < 0x2000 => "f", _ => "g" });
        profile.Add([At(0x500, 1), At(0x1000, 2), At(0x1008, 4), At(0x1008, 1), At(0x2000, 2)]);
        var ranked = profile.Ranked();
        Assert.Equal(["f", "g"], ranked.Select(f => f.Key));
        Assert.Equal(0.7, ranked[0].Share, 9);
        Assert.Equal(1e-3, profile.UnresolvedSeconds, 9);
        Assert.Equal(5e-3, ranked[0].SecondsIn(new(new(0x1004), 8)), 9);
        Assert.True(ranked[0].ShareInterval.Contains(0.7) && ranked[0].ShareInterval.Width > 0.3, "five samples prove little");
    }

    [Fact]
    public void SpaceSaving_NeverLosesAHeavyValue_AndNeverUndercounts()
    {
        var random = new Xoshiro256StarStar(5, false);
        var top = new TopValues<int>(64);
        var truth = new Dictionary<int, long>();
        for (var i = 0; i < 50_000; i++)
        {
            var value = random.NextDouble() < 0.3 ? random.Next(0, 4) : random.Next(10, 5_000);
            truth[value] = truth.GetValueOrDefault(value) + 1;
            top.Add(value);
        }
        Assert.False(top.IsExact);
        var kept = top.Top(64);
        Assert.All(kept, v => Assert.InRange(truth[v.Value], v.AtLeast, v.Count));
        Assert.All(truth.Where(t => t.Value > 50_000 / 64), t => Assert.Contains(kept, v => v.Value == t.Key));
        Assert.Equal([0, 1, 2, 3], kept.Take(4).Select(v => v.Value).Order());
    }

    [Fact]
    public void Histogram_IsExactWithinItsCapacity()
    {
        var histogram = new ValueHistogram(8);
        for (ulong v = 1; v <= 8; v++) histogram.Add(v, (long)v);
        Assert.True(histogram.IsExact);
        Assert.Equal(8, histogram.DistinctEstimate);
        Assert.Equal((8UL, 8L), (histogram.Most!.Value, histogram.Most.Count));
    }

    [Fact]
    public void DistinctValues_AreEstimatedWithin20Percent()
    {
        var histogram = new ValueHistogram(100);
        for (ulong v = 0; v < 100_000; v++) histogram.Add(v * 4_096);
        Assert.InRange(histogram.DistinctEstimate, 80_000, 120_000);
    }

    [Fact]
    public void TenOfTenAlike_DoNotProveAConstant()
    {
        var histogram = new ValueHistogram();
        histogram.Add(16, 10);
        Assert.Equal(1, histogram.Most!.Share);
        Assert.InRange(histogram.Most.ShareAtLeast, 0.7, 0.75);
        histogram.Add(16, 990);
        Assert.InRange(histogram.Most!.ShareAtLeast, 0.99, 1);
    }

    [Fact]
    public void ArgumentsConstantApart_NeedNotBeConstantTogether()
    {
        var profile = new ValueProfile(3);
        for (ulong i = 0; i < 100; i++)
            profile.Add([i < 80 ? 1UL : 1_000 + i, i >= 20 ? 2UL : 1_000 + i, 7], new(0x40_0000 + i % 2));
        Assert.Equal(0.8, profile.Arguments[0].Most!.Share);
        Assert.Equal(0.8, profile.Arguments[1].Most!.Share);
        Assert.Equal(0.6, profile.Joint(1, 0)!.Share, 9);
        Assert.Equal((0, 1UL, 2, 7UL, 0.8), profile.Joint(0, 2) is { } j ? (j.FirstArgument, j.FirstValue, j.SecondArgument, j.SecondValue, j.Share) : default);
        Assert.Equal([50L, 50L], profile.Callers.Select(c => c.Count));
    }

    [Theory]
    [InlineData(90, 100)]
    [InlineData(1, 3)]
    [InlineData(0, 50)]
    [InlineData(50, 50)]
    public void ExactBounds_CoverAtLeastAsOftenAsTheySay(int hits, int trials)
    {
        var interval = Proportion.ClopperPearson(hits, trials);
        // P(X ≥ hits) at the lower end, P(X ≤ hits) at the upper: each 2.5 % by definition.
        if (hits > 0) Assert.Equal(0.025, 1 - MathNet.Numerics.Distributions.Binomial.CDF(interval.Low, trials, hits - 1), 6);
        if (hits < trials) Assert.Equal(0.025, MathNet.Numerics.Distributions.Binomial.CDF(interval.High, trials, hits), 6);
        Assert.True(interval.Contains((double)hits / trials));
        Assert.True(Proportion.Wilson(hits, trials).Contains((double)hits / trials));
    }

    private static Sample At(ulong ip, int milliseconds) => new(new(ip), 1, 0, (ulong)milliseconds * 1_000_000);
}
