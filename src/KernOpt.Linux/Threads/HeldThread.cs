using System.Buffers.Binary;
using System.Diagnostics;
using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Linux.Threads;

/// <summary>How one hold ended.</summary>
internal enum LetGo
{
    /// <summary>The thread goes on as if it had not been held.</summary>
    Clean,
    /// <summary>The thread ended meanwhile.</summary>
    Ended,
    /// <summary>It did not come back in time; it is let go when it does.</summary>
    Late,
}

/// <summary>
/// One thread in a ptrace stop of our asking. All members run on the tracer thread. Stopped: its registers as we found them. Resumed: those with which the
/// kernel lets it go on as if it had not been stopped. Alone: those with which it goes on without the kernel's help.
/// </summary>
internal sealed class HeldThread
{
    private readonly long since;
    private Scheduling? lent;

    private HeldThread(int id, long since, Registers stopped, Registers resumed)
    {
        this.since = since;
        Id = id;
        Stopped = stopped;
        Resumed = resumed;
        Alone = RestartRules.Alone(resumed);
    }

    public int Id { get; }

    public Registers Stopped { get; }

    public Registers Resumed { get; }

    public Registers Alone { get; }

    /// <summary>Code of ours that it is in, where it did not stop in time: there its own registers are given back to it when it does.</summary>
    public AddressRange? Inside { get; set; }

    /// <summary>It is no tracee any more under its number: it has ended, or called execve and become the leader.</summary>
    public bool IsGone { get; set; }

    /// <summary>From the last moment at which it was not yet seen to be stopped until it was let go; set then.</summary>
    public TimeSpan Duration { get; private set; }

    /// <summary>From that moment until now.</summary>
    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(since);

    /// <summary>
    /// Lends it the shortest turns for as long as it is held, for a use that lets it run in between.
    /// </summary>
    public void RunPromptly() => lent ??= ShortTurns.Lend(Id);

    /// <summary>Takes back what was lent, if that has not been done.</summary>
    public void RunAsUsual()
    {
        ShortTurns.TakeBack(Id, lent);
        lent = null;
    }

    /// <summary>
    /// Takes over a thread that is in its interrupt stop. A call that would end with EINTR because of the stop is marked to be done again at once, so that
    /// the thread also goes on rightly when we die from here on. Null when the thread is gone.
    /// </summary>
    public static HeldThread? Take(int id, long since, TimeSpan waited)
    {
        if (Ptrace.GetRegisters(id, out var stopped) < 0) return null;
        var resumed = RestartRules.Resumed(stopped, waited);
        return resumed != stopped && Ptrace.SetRegisters(id, resumed) < 0 ? null : new(id, since, stopped, resumed);
    }

    /// <summary>
    /// Lets it go on from an interrupt stop, or from the stop for the delivery of a signal, which it is then given. Its registers are put back first.
    /// Both stops come before the kernel's handling of restarts, which then sees the call as the signal, if there is one, found it.
    /// </summary>
    public LetGo Release(int signal = 0)
    {
        RunAsUsual();
        Ptrace.SetRegisters(Id, Resumed);
        var result = Ptrace.Detach(Id, signal);
        Duration = Stopwatch.GetElapsedTime(since);
        return result < 0 ? LetGo.Ended : LetGo.Clean;
    }

    /// <summary>Lets it go on from a stop somewhere else than where it was taken.</summary>
    public LetGo LetGoOn(in StopReport report)
    {
        RunAsUsual();
        var end = LetGoOn(Id, since, report);
        Duration = Elapsed;
        return end;
    }

    /// <summary>Whether the signal that it stopped for is a fault in memory of ours, and not one that somebody has sent (sigaction(2): si_code, si_addr).</summary>
    public bool IsFaultOfOurs(in StopReport report, AddressRange ours)
    {
        const int codeOffset = 8, addressOffset = 16;
        if (!report.IsSignalDelivery || report.Code is not (Signals.Segv or Signals.Bus)) return false;
        Span<byte> about = stackalloc byte[Ptrace.SignalInfoSize];
        return Ptrace.GetSignalInfo(Id, about) >= 0 && BinaryPrimitives.ReadInt32LittleEndian(about[codeOffset..]) > 0
            && ours.Contains(new Address(BinaryPrimitives.ReadUInt64LittleEndian(about[addressOffset..])));
    }

    /// <summary>The same for one that nothing has been done with.</summary>
    public static LetGo LetGoOn(int id, long since, in StopReport report)
    {
        if (report.IsInterrupt) return Take(id, since, TimeSpan.Zero)?.Release() ?? LetGo.Ended;
        return Ptrace.Detach(id, report.IsSignalDelivery ? report.Code : 0) < 0 ? LetGo.Ended : LetGo.Clean;
    }
}
