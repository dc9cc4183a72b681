using KernOpt.Measure.Statistics;
using KernOpt.Target;

namespace KernOpt.Measure.Profiles;

/// <summary>Two arguments (numbers from 0) that had these values in the same call, and the part of the recorded calls in which they had.</summary>
public sealed record JointShare(int FirstArgument, ulong FirstValue, int SecondArgument, ulong SecondValue, long Count, double Share, double ShareAtLeast);

public sealed record CallerShare(Address ReturnAddress, long Count, double Share);

/// <summary>
/// What a function was called with and from where, out of recorded calls. The arguments are in the order of the calling convention, integer and
/// pointer ones (System V AMD64 ABI, 3.2.3: rdi, rsi, rdx, rcx, r8, r9), the same number in every call. Not thread-safe.
/// </summary>
public sealed class ValueProfile
{
    private const int JointCapacity = 256;
    private const int CallerCapacity = 1_024;

    private readonly ValueHistogram[] arguments;
    private readonly TopValues<(ulong, ulong)>[] pairs;
    private readonly TopValues<Address> callers = new(CallerCapacity);

    /// <param name="count">Arguments that are recorded, 0..6.</param>
    public ValueProfile(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, 6);
        arguments = [.. Enumerable.Range(0, count).Select(_ => new ValueHistogram())];
        pairs = [.. Enumerable.Range(0, count * (count - 1) / 2).Select(_ => new TopValues<(ulong, ulong)>(JointCapacity))];
    }

    /// <summary>Recorded calls.</summary>
    public long Calls { get; private set; }

    public IReadOnlyList<ValueHistogram> Arguments => arguments;

    /// <summary>Where it was called from, most often first.</summary>
    public IReadOnlyList<CallerShare> Callers
        => [.. callers.Top(CallerCapacity).Select(c => new CallerShare(c.Value, c.Count, (double)c.Count / Math.Max(1, callers.Total)))];

    /// <summary>Records one call. The return address may be zero where it is not known.</summary>
    public void Add(ReadOnlySpan<ulong> values, Address returnAddress)
    {
        if (values.Length != arguments.Length) throw new ArgumentException($"{values.Length} values for {arguments.Length} arguments", nameof(values));
        Calls++;
        if (returnAddress != Address.Zero) callers.Add(returnAddress);
        for (var i = 0; i < values.Length; i++)
        {
            arguments[i].Add(values[i]);
            for (var j = i + 1; j < values.Length; j++) pairs[PairOf(i, j)].Add((values[i], values[j]));
        }
    }

    /// <summary>The most frequent pair of values of two different arguments; null before the first call.</summary>
    public JointShare? Joint(int first, int second)
    {
        if (first == second) throw new ArgumentException("two different arguments are needed", nameof(second));
        var (low, high) = first < second ? (first, second) : (second, first);
        var counted = pairs[PairOf(low, high)];
        if (counted.Top(1) is not [var most]) return null;
        return new(low, most.Value.Item1, high, most.Value.Item2, most.Count, (double)most.Count / counted.Total, Proportion.LowerBound(most.AtLeast, counted.Total));
    }

    /// <summary>Pairs (i &lt; j) in order: (0,1) (0,2) … (1,2) …</summary>
    private int PairOf(int i, int j) => i * (2 * arguments.Length - i - 1) / 2 + j - i - 1;
}
