using KernOpt.Measure.Statistics;

namespace KernOpt.Measure.Profiles;

/// <summary>One value of an argument, and the part of the recorded calls that it covers (0..1).</summary>
public sealed record ValueShare(ulong Value, long Count, double Share)
{
    /// <summary>The true share is at least this with 95 % confidence (Clopper–Pearson; what the counting may have added is taken off first).</summary>
    public required double ShareAtLeast { get; init; }
}

/// <summary>
/// What values an argument had. Sampled one call in N: shares are estimates, counts are of recorded calls. Assumes that which call is
/// recorded does not depend on the value. Not thread-safe.
/// </summary>
public sealed class ValueHistogram(int capacity = ValueHistogram.DefaultCapacity)
{
    public const int DefaultCapacity = 1_024;

    private readonly TopValues<ulong> values = new(capacity);
    private readonly DistinctCount distinct = new();

    public long Total => values.Total;

    public bool IsExact => values.IsExact;

    /// <summary>Exact up to 255, then with a standard error of about 6 %.</summary>
    public double DistinctEstimate => values.IsExact ? values.Kept : Math.Max(values.Kept, distinct.Estimate);

    public void Add(ulong value, long times = 1)
    {
        if (times <= 0) return;
        values.Add(value, times);
        distinct.Add(value);
    }

    /// <summary>Most frequent first.</summary>
    public IReadOnlyList<ValueShare> Top(int count)
        => [.. values.Top(count).Select(v => new ValueShare(v.Value, v.Count, (double)v.Count / Total) { ShareAtLeast = Proportion.LowerBound(v.AtLeast, Total) })];

    /// <summary>The most frequent value; null before the first.</summary>
    public ValueShare? Most => Top(1) is [var most] ? most : null;
}
