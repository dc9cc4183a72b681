using System.Diagnostics;
using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Linux.Threads;

/// <summary>
/// Holds threads of one process, one at a time, on a tracer thread of its own. A thread that does not stop in time is let go as soon as it does.
/// </summary>
internal sealed class ThreadHolds : IDisposable
{
    /// <summary>How long we wait for a thread to stop before we try another.</summary>
    private static readonly TimeSpan StopTime = TimeSpan.FromMilliseconds(20);

    private readonly int pid;
    private readonly Lazy<TracerThread> tracer;
    private readonly Dictionary<int, (long Since, HeldThread? Held)> strays = [];
    private bool isWatched;
    private long longest;

    public ThreadHolds(int pid)
    {
        this.pid = pid;
        tracer = new(() => new TracerThread($"kernopt tracer of {pid}"));
    }

    /// <summary>The longest time for which a thread was held; the wait for a processor that a thread has before it can stop is its own.</summary>
    public TimeSpan Longest => TimeSpan.FromTicks(Volatile.Read(ref longest));

    /// <summary>
    /// Stops one thread, does something with it and lets it go. <paramref name="use"/> runs on the tracer thread and answers the value and how the thread
    /// was let go; null for that means that it is still to be let go. <paramref name="waited"/>: how long it has been in its blocked call.
    /// </summary>
    public Outcome<T> Hold<T>(int thread, BlockedTime waited, Func<HeldThread, (Outcome<T> Value, LetGo? End)> use)
    {
        Practice.Once();
        return tracer.Value.Run(() => HoldHere(thread, waited, use));
    }

    private Outcome<T> HoldHere<T>(int thread, BlockedTime waited, Func<HeldThread, (Outcome<T> Value, LetGo? End)> use)
    {
        ReleaseStrays();
        ChildSignals.SilenceStops();
        using var calm = NoCollection.Begin();
        // Practice runs code for the first time, which takes milliseconds: never at a priority before which others wait.
        using var urgency = Practice.IsRunning ? default : Urgency.Begin();
        if (!Stop(thread, waited).Try(out var held, out var why)) return why;
        Outcome<T> value;
        LetGo? end = null;
        try
        {
            (value, end) = use(held);
        }
        finally
        {
            end ??= held.Release();
            held.RunAsUsual();
        }
        if (end == LetGo.Late) AddStray(thread, held);
        if (held.IsGone) AddLeader(thread);
        Note(held.Duration);
        return value;
    }

    public void Dispose()
    {
        if (tracer.IsValueCreated) tracer.Value.Dispose();
    }

    private Outcome<HeldThread> Stop(int thread, BlockedTime waited)
    {
        if (strays.ContainsKey(thread)) return Reasons.NoThreadToBorrow.With($"thread {thread} does not stop");
        var seized = Ptrace.Seize(thread, Ptrace.OptionSystemCallGood);
        if (seized < 0) return DescribeSeize(thread, seized);
        Ptrace.Interrupt(thread);
        while (true)
        {
            var report = TracerThread.Wait(thread, StopTime, out var since, ReleaseStrays);
            if (report.IsInterrupt)
            {
                if (HeldThread.Take(thread, since, waited.IfStillIn(pid, thread)) is { } held) return held;
                return Reasons.ThreadLost.With($"thread {thread}");
            }
            if (report.HasEnded)
            {
                if (report.Kind == StopKind.Gone) AddLeader(thread);
                return Reasons.ThreadLost.With($"thread {thread}");
            }
            if (report.Kind == StopKind.TimedOut)
            {
                AddStray(thread);
                return Reasons.NoThreadToBorrow.With($"thread {thread} did not stop within {StopTime.TotalMilliseconds} ms");
            }
            if (report.IsGroupStop)
            {
                Ptrace.Detach(thread);
                return Reasons.ProcessIsStopped.With($"thread {thread}");
            }
            Ptrace.Continue(thread, report.IsSignalDelivery ? report.Code : 0);
        }
    }

    private static Refusal DescribeSeize(int thread, long result) => result == -Errno.NotPermitted
        ? Processes.AttachRules.ExplainTraceDenial(thread, result)
        : Reasons.ThreadLost.With($"thread {thread}: {Errno.Describe(result)}");

    private void Note(TimeSpan duration)
    {
        if (duration.Ticks > Volatile.Read(ref longest)) Volatile.Write(ref longest, duration.Ticks);
    }

    private void AddStray(int thread, HeldThread? held = null)
    {
        strays[thread] = (Stopwatch.GetTimestamp(), held);
        if (isWatched) return;
        isWatched = true;
        tracer.Value.Post(WatchStrays);
    }

    /// <summary>A thread that calls execve becomes the leader: our request to stop goes with it.</summary>
    private void AddLeader(int gone)
    {
        if (gone != pid && !strays.ContainsKey(pid) && ThreadFacts.TracerOf(pid) == SystemCall.ThreadId) AddStray(pid);
    }

    /// <summary>Runs again and again, between other work of the tracer thread, until all are let go.</summary>
    private void WatchStrays()
    {
        using (Urgency.Begin()) ReleaseStrays();
        isWatched = strays.Count > 0;
        if (!isWatched) return;
        SystemCall.Sleep(100_000);
        tracer.Value.Post(WatchStrays);
    }

    private void ReleaseStrays()
    {
        foreach (var (thread, (since, held)) in strays.ToList())
        {
            if (TracerThread.Poll(thread) is not { } report) continue;
            if (!report.HasEnded && ReleaseStray(thread, since, held, report) == LetGo.Late) continue;
            strays.Remove(thread);
            if (report.Kind == StopKind.Gone) AddLeader(thread);
        }
    }

    private static LetGo ReleaseStray(int thread, long since, HeldThread? held, StopReport report)
    {
        if (held?.Inside is { } ours && Ptrace.GetRegisters(thread, out var now) >= 0 && ours.Contains(new Address(now.Rip)))
            return held.Release(report.IsSignalDelivery && !held.IsFaultOfOurs(report, ours) ? report.Code : 0);
        return HeldThread.LetGoOn(thread, since, report);
    }
}
