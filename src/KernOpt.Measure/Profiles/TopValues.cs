namespace KernOpt.Measure.Profiles;

/// <summary>A value with how often it was seen. The true count lies in [Count − Overcount, Count].</summary>
public readonly record struct CountedValue<T>(T Value, long Count, long Overcount)
    where T : notnull
{
    /// <summary>Seen at least so often, for certain.</summary>
    public long AtLeast => Count - Overcount;
}

/// <summary>
/// The most frequent values of a stream in bounded memory: exact up to <paramref name="capacity"/> distinct values, from then on SpaceSaving
/// (Metwally, Agrawal, El Abbadi, ICDT 2005), in which every value with more than Total / capacity occurrences is kept for certain. Not thread-safe.
/// </summary>
public sealed class TopValues<T>(int capacity)
    where T : notnull
{
    private readonly Dictionary<T, (long Count, long Overcount)> counters = [];
    // Holds each kept value once, at its count of some earlier time: counts only grow, so a stale entry is never too high.
    private readonly PriorityQueue<T, long> smallest = new();

    public long Total { get; private set; }

    public bool IsExact { get; private set; } = true;

    public int Kept => counters.Count;

    public void Add(T value, long times = 1)
    {
        if (times <= 0) return;
        Total += times;
        if (counters.TryGetValue(value, out var counter)) counters[value] = (counter.Count + times, counter.Overcount);
        else if (counters.Count < capacity) Keep(value, times, 0);
        else
        {
            IsExact = false;
            var dropped = DropSmallest();
            Keep(value, dropped + times, dropped);
        }
    }

    /// <summary>The most frequent values, most first; of equals, the one that is certain to have more.</summary>
    public IReadOnlyList<CountedValue<T>> Top(int count)
        => [.. counters.Select(c => new CountedValue<T>(c.Key, c.Value.Count, c.Value.Overcount))
            .OrderByDescending(v => v.Count).ThenByDescending(v => v.AtLeast).Take(count)];

    private void Keep(T value, long count, long overcount)
    {
        counters[value] = (count, overcount);
        smallest.Enqueue(value, count);
    }

    private long DropSmallest()
    {
        while (true)
        {
            smallest.TryDequeue(out var value, out var then);
            var now = counters[value!].Count;
            if (now == then)
            {
                counters.Remove(value!);
                return now;
            }
            smallest.Enqueue(value!, now);
        }
    }
}
