using KernOpt.Measure.Statistics;
using Xunit;

namespace KernOpt.Tests.Measure;

public sealed class StatisticsTests
{
    [Fact]
    public void SignedRank_SmallSamples_AreExact()
    {
        // All of six positive: 2 of the 2^6 equally likely sign patterns are as extreme.
        Assert.Equal(2.0 / 64, SignedRank.Of([1, 2, 3, 4, 5, 6], 0.05).PValue, 12);
        // One negative at rank 1: T- = 1 or less in 2 of 64 patterns, twice for both sides.
        Assert.Equal(4.0 / 64, SignedRank.Of([-1, 2, 3, 4, 5, 6], 0.05).PValue, 12);
        Assert.Equal(1, SignedRank.Of([0, 0, 0], 0.05).PValue);
    }

    [Fact]
    public void HodgesLehmann_IsTheMedianOfPairMeans_AndAnOutlierDoesNotMoveIt()
    {
        Assert.Equal(3, SignedRank.Of([1, 2, 3, 4, 5], 0.05).Estimate);
        Assert.InRange(SignedRank.Of([1, 2, 3, 4, 5_000], 0.05).Estimate, 2, 4);
    }

    [Fact]
    public void PairedT_AgreesWithTheTextbook()
    {
        // Student's own sleep data (Biometrika 6, 1908): t = 4.0621, 9 degrees, p = 0.002833.
        double[] sleep = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4];
        var test = PairedT.Of(sleep);
        Assert.Equal(4.0621, test.Mean / test.Error, 4);
        Assert.Equal(0.002833, test.PValue, 6);
        Assert.Equal(0.7001, test.IntervalAt(0.05).Low, 4);
        Assert.Equal(2.4599, test.IntervalAt(0.05).High, 4);
    }

    [Theory]
    // Two-sided 5 %, equally spaced looks: critical values of the Lan–DeMets functions as published for ld98 (Reboussin and others, Controlled Clinical Trials 21, 2000).
    [InlineData(Spending.OBrienFleming, new[] { 4.8769, 3.3569, 2.6803, 2.2898, 2.0310 })]
    [InlineData(Spending.Pocock, new[] { 2.4380, 2.4268, 2.4101, 2.3966, 2.3859 })]
    public void SpendingBoundaries_AgreeWithThePublishedOnes(Spending spending, double[] published)
    {
        var boundary = SpendingBoundary.Start(0.05, spending);
        for (var look = 1; look <= 5; look++)
        {
            boundary = boundary.Look(look / 5.0, look == 5);
            Assert.Equal(published[look - 1], -MathNet.Numerics.Distributions.Normal.InvCDF(0, 1, boundary.NominalAlpha / 2), 2);
        }
    }

    [Fact]
    public void OneLook_SpendsTheWholeError()
        => Assert.Equal(0.05, SpendingBoundary.Start(0.05, Spending.OBrienFleming).Look(0.4, isLast: true).NominalAlpha, 6);
}
