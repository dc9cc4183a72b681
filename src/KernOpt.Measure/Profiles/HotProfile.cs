using KernOpt.Measure.Statistics;
using KernOpt.Target;

namespace KernOpt.Measure.Profiles;

/// <summary>One function of a profile.</summary>
/// <param name="Samples">That hit it.</param>
/// <param name="CpuSeconds">The sum of their weights: time in its own code, callees excluded.</param>
/// <param name="Share">Of all CPU time sampled, 0..1, unresolved samples included in the whole.</param>
/// <param name="ShareInterval">95 % (Wilson), at the effective number of samples where their weights differ.</param>
/// <param name="Addresses">CPU seconds by instruction address, ascending: what blocks' shares are summed from.</param>
public sealed record HotFunction<TKey>(TKey Key, long Samples, double CpuSeconds, double Share, Interval ShareInterval, IReadOnlyList<HotAddress> Addresses)
    where TKey : class
{
    /// <summary>CPU seconds in [from, to): a basic block.</summary>
    public double SecondsIn(AddressRange range)
    {
        double sum = 0;
        foreach (var address in Addresses)
        {
            if (range.Contains(address.Ip)) sum += address.CpuSeconds;
        }
        return sum;
    }
}

public readonly record struct HotAddress(Address Ip, long Samples, double CpuSeconds);

/// <summary>
/// Gathers samples into shares per function. The resolver says to what an address belongs, or null; it is asked once per distinct address
/// between two calls of <see cref="ForgetResolutions"/>. Keys must compare by what they stand for. Not thread-safe.
/// </summary>
public sealed class HotProfile<TKey>(Func<Address, TKey?> resolve)
    where TKey : class
{
    private readonly Dictionary<Address, Hits> addresses = [];
    private readonly Dictionary<Address, TKey?> resolved = [];
    private double squares;

    public long Samples { get; private set; }

    /// <summary>Of all threads, as far as sampled.</summary>
    public double CpuSeconds { get; private set; }

    /// <summary>CPU time at addresses that belong to nothing known (the kernel, code made at run time).</summary>
    public double UnresolvedSeconds => addresses.Where(a => Resolve(a.Key) is null).Sum(a => a.Value.Seconds);

    public void Add(IEnumerable<Sample> samples)
    {
        foreach (var sample in samples)
        {
            var seconds = sample.Weight * 1e-9;
            var hits = addresses.GetValueOrDefault(sample.Ip);
            addresses[sample.Ip] = new(hits.Samples + 1, hits.Seconds + seconds);
            Samples++;
            CpuSeconds += seconds;
            squares += seconds * seconds;
        }
    }

    /// <summary>After modules came or went: addresses are resolved anew.</summary>
    public void ForgetResolutions() => resolved.Clear();

    /// <summary>Functions by CPU time, most first; ties by the lowest address.</summary>
    public IReadOnlyList<HotFunction<TKey>> Ranked()
    {
        var effective = squares > 0 ? CpuSeconds * CpuSeconds / squares : 0;
        return [.. addresses.Where(a => Resolve(a.Key) is not null).GroupBy(a => Resolve(a.Key)!)
            .Select(group => Describe(group.Key, group, effective))
            .OrderByDescending(f => f.CpuSeconds).ThenBy(f => f.Addresses[0].Ip)];
    }

    private HotFunction<TKey> Describe(TKey key, IEnumerable<KeyValuePair<Address, Hits>> hits, double effective)
    {
        var ordered = hits.Select(h => new HotAddress(h.Key, h.Value.Samples, h.Value.Seconds)).OrderBy(a => a.Ip).ToArray();
        var seconds = ordered.Sum(a => a.CpuSeconds);
        var share = CpuSeconds > 0 ? seconds / CpuSeconds : 0;
        return new(key, ordered.Sum(a => a.Samples), seconds, share, Proportion.Wilson(share * effective, effective), ordered);
    }

    private TKey? Resolve(Address address)
    {
        if (!resolved.TryGetValue(address, out var key)) resolved[address] = key = resolve(address);
        return key;
    }

    private readonly record struct Hits(long Samples, double Seconds);
}
