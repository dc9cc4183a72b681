using KernOpt.Validate.Running;
using Xunit;

namespace KernOpt.Tests.Validate;

/// <summary>A journaled seed must mean the same runs on every machine and in every later version.</summary>
public sealed class DeterministicRandomTests
{
    /// <summary>The first outputs for seed 1234567 of the reference implementation of SplitMix64.</summary>
    [Fact]
    public void The_stream_is_the_published_one()
    {
        var random = new DeterministicRandom(1234567);
        Assert.Equal([6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821],
            Enumerable.Range(0, 5).Select(_ => random.Next()));
    }

    [Fact]
    public void Streams_of_their_own_differ()
        => Assert.Equal(1_000, Enumerable.Range(0, 1_000).Select(i => DeterministicRandom.Mix(7, (ulong)i)).Distinct().Count());

    [Fact]
    public void Filling_covers_every_byte()
    {
        var bytes = new byte[13];
        new DeterministicRandom(3).Fill(bytes);
        Assert.DoesNotContain((byte)0, bytes);
    }
}
