using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace KernOpt.Linux.Native;

/// <summary>
/// One thread on which all ptrace calls of one owner run: ptrace(2) ties a tracee to the thread that seized it.
/// When this thread ends, the kernel detaches all its tracees and lets them run.
/// </summary>
public sealed class TracerThread : IDisposable
{
    private readonly BlockingCollection<Action> work = [];
    private readonly Thread thread;

    public TracerThread(string name)
    {
        thread = new Thread(Serve) { Name = name, IsBackground = true };
        thread.Start();
    }

    /// <summary>Runs this on the tracer thread and waits for it; what it throws is thrown here. May be called from the tracer thread itself.</summary>
    public T Run<T>(Func<T> what)
    {
        if (Thread.CurrentThread == thread) return what();
        T result = default!;
        ExceptionDispatchInfo? failure = null;
        using var done = new ManualResetEventSlim();
        work.Add(() =>
        {
            try { result = what(); }
#pragma warning disable CA1031 // carried to the caller's thread and thrown there
            catch (Exception error) { failure = ExceptionDispatchInfo.Capture(error); }
#pragma warning restore CA1031
            finally { done.Set(); }
        });
        done.Wait();
        failure?.Throw();
        return result;
    }

    /// <summary>Runs this on the tracer thread some time later, unless it has been disposed by then. It must not throw.</summary>
    public void Post(Action what)
    {
        if (!work.IsAddingCompleted) work.TryAdd(what);
    }

    public void Run(Action what) => Run(() => { what(); return 0; });

    /// <summary>
    /// Waits for a report of one tracee or child (waitpid(2) with __WALL). On the tracer thread only. It polls, first at once (the thread stops within
    /// some µs when it has a processor), then every 20 µs, later every 200 µs, so that it is bounded whatever the thread does.
    /// </summary>
    public static StopReport Wait(int thread, TimeSpan timeout) => Wait(thread, timeout, out _);

    /// <param name="thread">The tracee.</param>
    /// <param name="timeout">After which the answer is <see cref="StopReport.TimedOut"/>.</param>
    /// <param name="before">The last time at which there was no report yet (<see cref="Stopwatch.GetTimestamp"/>).</param>
    /// <param name="meanwhile">Done in each round that waits.</param>
    public static StopReport Wait(int thread, TimeSpan timeout, out long before, Action? meanwhile = null)
    {
        var started = before = Stopwatch.GetTimestamp();
        for (var round = 0; ; round++)
        {
            if (Poll(thread) is { } report) return report;
            before = Stopwatch.GetTimestamp();
            var elapsed = Stopwatch.GetElapsedTime(started, before);
            if (elapsed > timeout) return Poll(thread) ?? StopReport.TimedOut;
            if (elapsed <= AtOnce) continue;
            meanwhile?.Invoke();
            SystemCall.Sleep(round < 200 ? 20_000 : 200_000);
        }
    }

    private static readonly TimeSpan AtOnce = TimeSpan.FromMicroseconds(15);

    /// <summary>The next report of one tracee if there is one by now.</summary>
    public static unsafe StopReport? Poll(int thread)
    {
        const int noHang = 1, all = 0x40000000;
        int status;
        var result = SystemCall.Invoke(CallNumber.wait4, thread, (long)&status, noHang | all, 0);
        if (result == 0 || result == -Errno.Interrupted) return null;
        if (result < 0) return StopReport.Gone;
        var report = StopReport.FromStatus(status);
        if (report.HasEnded) TraceableChild.NoteEnd(thread, report);
        return report;
    }

    public void Dispose()
    {
        if (work.IsAddingCompleted) return;
        work.CompleteAdding();
        if (Thread.CurrentThread != thread) thread.Join();
        work.Dispose();
    }

    private void Serve()
    {
        ChildSignals.SilenceStops();
        Scheduling.WakeExactly();
        foreach (var action in work.GetConsumingEnumerable()) action();
    }
}
