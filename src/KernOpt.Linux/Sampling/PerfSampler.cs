using KernOpt.Linux.Native;
using KernOpt.Linux.Threads;
using KernOpt.Target;

namespace KernOpt.Linux.Sampling;

/// <summary>
/// Samples every thread by a performance event of its own. New threads are found by listing them every 20 ms: what a thread does in its
/// first 20 ms may be missed. CostSeconds: our CPU time plus 2 µs per sample for the target, an estimate of one timer interrupt with its record.
/// </summary>
internal sealed class PerfSampler : ISampler
{
    private const double TargetSecondsPerSample = 2e-6;
    private const int Interval = 20, RecordSize = 40;

    private readonly int pid;
    private readonly PerfSource source;
    private readonly int hertz, pages;
    private readonly Dictionary<int, PerfEvent> events = [];
    private readonly SampleBuffer buffer = new();
    private readonly ManualResetEventSlim stop = new();
    private readonly Lock gate = new();
    private readonly Thread poller;
    private long ownCost, sampleCount;

    private PerfSampler(int pid, PerfSource source, int hertz)
    {
        this.pid = pid;
        this.source = source;
        this.hertz = hertz;
        // Room for five intervals, since a busy machine may let us wait; a power of two, as the kernel demands.
        pages = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, hertz * RecordSize * Interval * 5 / 1000 / 4096));
        poller = new(Poll) { IsBackground = true, Name = "kernopt sampler" };
    }

    public string Source => source == PerfSource.Cycles ? "cycles" : "perf_event cpu-clock";

    public double CostSeconds => (Volatile.Read(ref ownCost) / 1e9) + (Volatile.Read(ref sampleCount) * TargetSecondsPerSample);

    /// <summary>Tries hardware cycles, then the software clock. Refused (4104) where the kernel forbids it.</summary>
    public static Outcome<PerfSampler> Start(int pid, int hertz)
    {
        long error = 0;
        foreach (var source in new[] { PerfSource.Cycles, PerfSource.CpuClock })
        {
            var sampler = new PerfSampler(pid, source, hertz);
            error = sampler.Follow();
            if (sampler.events.Count > 0)
            {
                sampler.poller.Start();
                return sampler;
            }
            sampler.stop.Dispose();
        }
        return Reasons.SamplingForbidden.With($"perf_event_open: {Errno.Describe(error)}");
    }

    public long Drain(ICollection<Sample> into)
    {
        Collect();
        return buffer.Drain(into);
    }

    public void Dispose()
    {
        if (stop.IsSet) return;
        stop.Set();
        poller.Join();
        lock (gate)
        {
            foreach (var one in events.Values) one.Dispose();
            events.Clear();
        }
    }

    private void Poll()
    {
        while (!stop.Wait(Interval)) Collect();
    }

    private void Collect()
    {
        var before = ThreadClock.Own;
        lock (gate)
        {
            if (stop.IsSet) return;
            var samples = new List<Sample>();
            long lost = 0;
            foreach (var one in events.Values) lost += one.Drain(samples, source == PerfSource.Cycles ? 1_000_000_000UL / (ulong)hertz : 0);
            buffer.Add(samples, lost);
            sampleCount += samples.Count;
            Follow();
        }
        Interlocked.Add(ref ownCost, ThreadClock.Own - before);
    }

    /// <summary>Opens events for new threads and closes those of threads that are gone. Answers the last error, or 0.</summary>
    private long Follow()
    {
        long last = 0;
        var now = ThreadFacts.List(pid).ToHashSet();
        foreach (var gone in events.Keys.Where(t => !now.Contains(t)).ToList())
        {
            events[gone].Dispose();
            events.Remove(gone);
        }
        foreach (var thread in now.Where(t => !events.ContainsKey(t)))
        {
            var (opened, error) = PerfEvent.Open(thread, source, hertz, pages);
            if (opened is null) last = error;
            else events[thread] = opened;
        }
        return last;
    }
}
