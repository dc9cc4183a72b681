using KernOpt.Linux.Sampling;
using Xunit;

namespace KernOpt.Tests.Linux;

/// <summary>What one look at a running thread stands for.</summary>
public sealed class PtraceSamplerTests
{
    private const ulong Round = 20_000_000;

    [Theory]
    [InlineData(100ul, 1_100ul, 1_000ul)]
    [InlineData(0ul, 5_000_000_000ul, Round)]
    [InlineData(null, 5_000_000_000ul, Round)]
    [InlineData(7_000ul, 0ul, Round)]
    public void Sample_WeighsNoMoreThanPassedSinceTheRoundBefore(ulong? before, ulong time, ulong weight) => Assert.Equal(weight, PtraceSampler.WeightOf(before, time, Round));
}
