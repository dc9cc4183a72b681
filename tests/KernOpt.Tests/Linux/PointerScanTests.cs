using KernOpt.Linux.Proofs;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Linux;

/// <summary>A word points into one of the ranges, or it does not: also where thousands of pages lie all around.</summary>
public sealed class PointerScanTests
{
    [Theory]
    [InlineData(1, 1UL << 20)]
    [InlineData(3000, 4096)]
    [InlineData(500, 5)]
    [InlineData(2, 5UL << 30)]
    public void Hits_TellsAsALookAtEachRangeDoes(int count, ulong longest)
    {
        var random = new Random(9);
        var ranges = Enumerable.Range(0, count).Select(_ => new AddressRange(new Address(0x5500_0000_0000 + (ulong)random.NextInt64(1L << 33)), 1 + (ulong)random.NextInt64((long)longest))).ToList();
        var scan = new PointerScan(null!, ranges);
        var words = ranges.SelectMany(r => new[] { r.Start.Value - 1, r.Start.Value, r.End.Value - 1, r.End.Value, r.Start.Value + (1UL << 32), r.Start.Value - (1UL << 32) })
            .Concat(Enumerable.Range(0, 5000).Select(_ => 0x54ff_0000_0000 + (ulong)random.NextInt64(1L << 34))).Append(0UL).Append(ulong.MaxValue).ToList();
        foreach (var word in words) Assert.Equal(ranges.Exists(r => r.Contains(new Address(word))), scan.Hits(word));
        Assert.Contains(words, scan.Hits);
        Assert.Contains(words, w => !scan.Hits(w));
    }
}
