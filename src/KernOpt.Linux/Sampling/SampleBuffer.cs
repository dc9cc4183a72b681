using KernOpt.Target;

namespace KernOpt.Linux.Sampling;

/// <summary>Samples between the thread that takes them and the one that drains them; what comes beyond the capacity is lost and counted.</summary>
internal sealed class SampleBuffer
{
    private const int Capacity = 1 << 20;

    private readonly Lock gate = new();
    private List<Sample> samples = [];
    private long lost;

    public void Add(IReadOnlyCollection<Sample> some, long lostNow)
    {
        lock (gate)
        {
            lost += lostNow;
            if (samples.Count + some.Count > Capacity) lost += some.Count;
            else samples.AddRange(some);
        }
    }

    public long Drain(ICollection<Sample> into)
    {
        List<Sample> taken;
        long lostNow;
        lock (gate)
        {
            (taken, samples) = (samples, []);
            (lostNow, lost) = (lost, 0);
        }
        foreach (var sample in taken) into.Add(sample);
        return lostNow;
    }
}
