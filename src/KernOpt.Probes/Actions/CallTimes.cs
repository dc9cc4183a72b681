using System.Collections.Immutable;

namespace KernOpt.Probes.Actions;

/// <summary>Times of calls in cycles of the time stamp: their sum, and how many took 2^n to 2^(n+1)-1.</summary>
public sealed record CallTimes(ulong Sum, ImmutableArray<ulong> Histogram)
{
    public static readonly CallTimes None = new(0, [.. new ulong[64]]);

    public ulong Calls => Histogram.Aggregate(0UL, (sum, n) => sum + n);

    public CallTimes Plus(CallTimes other) => new(Sum + other.Sum, [.. Histogram.Zip(other.Histogram, (a, b) => a + b)]);

    public CallTimes Since(CallTimes earlier) => new(Sum - earlier.Sum, [.. Histogram.Zip(earlier.Histogram, (a, b) => a - b)]);

    /// <summary>No more cycles than this in a share of the calls, 0 to 1: within a factor of two. 0 where there are no calls.</summary>
    public ulong AtMost(double share)
    {
        var calls = Calls;
        var seen = 0UL;
        for (var n = 0; n < Histogram.Length && calls > 0; n++)
        {
            seen += Histogram[n];
            if (seen >= share * calls) return n == 63 ? ulong.MaxValue : (2UL << n) - 1;
        }
        return 0;
    }
}
