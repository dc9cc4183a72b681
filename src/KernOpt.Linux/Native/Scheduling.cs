using System.Runtime.InteropServices;

namespace KernOpt.Linux.Native;

/// <summary>
/// How the kernel schedules one thread: struct sched_attr of sched_setattr(2), its first version (48 bytes). Slice: for policies 0 and 3 (SCHED_OTHER,
/// SCHED_BATCH) the length of turns that the thread asks for, in nanoseconds, 100,000 to 100,000,000 (Linux 6.12 and later; 0 before, and to go back to the kernel's own).
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal record struct Scheduling
{
    private const int OwnSize = 48;

    private uint size;
    public uint Policy;
    public ulong Flags;
    public int Nice;
    public uint Priority;
    public ulong Slice;
    private readonly ulong deadline, period;

    public const uint Other = 0, FirstInFirstOut = 1, Batch = 3, Idle = 5;
    public const ulong ShortestSlice = 100_000;

    /// <summary>Short, but longer than what a borrowed thread is lent: only a shorter turn interrupts another (PREEMPT_SHORT).</summary>
    public const ulong ShortSlice = 300_000;

    /// <summary>Null when the thread is gone, or the kernel does not tell.</summary>
    public static unsafe Scheduling? Of(int thread)
    {
        Scheduling value = default;
        // The kernel writes at most the size that it is given, which is the structure's own.
        return SystemCall.Invoke(CallNumber.sched_getattr, thread, (long)&value, OwnSize, 0) < 0 ? null : value;
    }

    /// <summary>0, or the negated error. Thread 0 is the calling one.</summary>
    public static unsafe long Set(int thread, Scheduling value)
    {
        value.size = OwnSize;
        return SystemCall.Invoke(CallNumber.sched_setattr, thread, (long)&value, 0);
    }

    /// <summary>The calling thread's sleeps end when they are to, not up to 50 µs later (timer slack, prctl(2)).</summary>
    public static void WakeExactly()
    {
        const int setTimerSlack = 29;
        SystemCall.Invoke(CallNumber.prctl, setTimerSlack, 1);
    }
}
