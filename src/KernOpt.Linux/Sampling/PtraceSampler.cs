using System.Globalization;
using KernOpt.Linux.Threads;
using KernOpt.Target;

namespace KernOpt.Linux.Sampling;

/// <summary>
/// Samples by holding running threads, one at a time, where performance events are forbidden. At most 50 rounds a second and 8 threads a round, so that
/// no thread is held more than about 50 times a second. A sample weighs the CPU time that its thread has used since its last one
/// (schedstat; proc_pid_schedstat(5)), but no more than passed since the round before: what a thread used earlier, unseen, is not this place's. CostSeconds: our CPU time, and all the time for which threads were held.
/// </summary>
internal sealed class PtraceSampler : ISampler
{
    private const int MostRounds = 50, MostHolds = 8;

    private readonly int pid;
    private readonly ThreadHolds holds;
    private readonly string why;
    private readonly int interval;
    private readonly SampleBuffer buffer = new();
    private readonly Dictionary<int, ulong> used = [];
    private readonly ManualResetEventSlim stop = new();
    private readonly Thread poller;
    private long cost;

    public PtraceSampler(int pid, ThreadHolds holds, int hertz, string why)
    {
        this.pid = pid;
        this.holds = holds;
        this.why = why;
        interval = 1000 / Math.Min(hertz, MostRounds);
        poller = new(Poll) { IsBackground = true, Name = "kernopt sampler" };
        poller.Start();
    }

    public string Source => $"ptrace ({why})";

    public double CostSeconds => Volatile.Read(ref cost) / 1e9;

    public long Drain(ICollection<Sample> into) => buffer.Drain(into);

    public void Dispose()
    {
        if (stop.IsSet) return;
        stop.Set();
        poller.Join();
    }

    private void Poll()
    {
        var last = ThreadClock.Monotonic;
        while (!stop.Wait(interval))
        {
            var before = ThreadClock.Own;
            var now = ThreadClock.Monotonic;
            var since = now - last;
            last = now;
            var samples = new List<Sample>();
            foreach (var thread in ThreadFacts.List(pid).Where(IsRunning).Take(MostHolds)) LookAt(thread, since, samples);
            buffer.Add(samples, 0);
            Interlocked.Add(ref cost, ThreadClock.Own - before);
        }
    }

    private bool IsRunning(int thread) => ThreadFacts.Read(pid, thread) is { State: 'R', Call: null };

    /// <summary>A thread that is found in a system call runs kernel code: as with performance events, that is not sampled.</summary>
    private void LookAt(int thread, ulong since, List<Sample> samples)
    {
        var time = UsedBy(thread);
        var weight = WeightOf(used.TryGetValue(thread, out var before) ? before : null, time, since);
        used[thread] = time;
        var held = TimeSpan.Zero;
        var seen = holds.Hold<Address?>(thread, BlockedTime.None, stopped =>
        {
            var ip = stopped.Stopped.IsInSystemCall ? (Address?)null : new Address(stopped.Stopped.Rip);
            var end = stopped.Release();
            held = stopped.Duration;
            return (ip, end);
        });
        Interlocked.Add(ref cost, held.Ticks * 100);
        if (seen.IsDone && seen.Value is { } at) samples.Add(new(at, thread, ThreadClock.Monotonic, weight));
    }

    /// <summary>Before is null for a thread that is seen for the first time. A time that cannot be read is 0.</summary>
    internal static ulong WeightOf(ulong? before, ulong time, ulong sinceLastRound) =>
        before is { } known && time >= known ? Math.Min(time - known, sinceLastRound) : sinceLastRound;

    private ulong UsedBy(int thread)
    {
        try
        {
            return ulong.Parse(File.ReadAllText($"/proc/{pid}/task/{thread}/schedstat").Split(' ')[0], CultureInfo.InvariantCulture);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }
}
