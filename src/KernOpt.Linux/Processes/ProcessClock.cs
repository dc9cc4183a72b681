using KernOpt.Linux.Native;

namespace KernOpt.Linux.Processes;

/// <summary>The CPU-time clock of another process (clock_getcpuclockid(3): the clock number holds the inverted pid).</summary>
internal static class ProcessClock
{
    private const int ScheduledTime = 2;   // CPUCLOCK_SCHED: user and system time with the scheduler's precision

    /// <summary>CPU time of all threads, also of those that have ended; null when the process is gone.</summary>
    public static unsafe TimeSpan? Read(int pid)
    {
        var clock = (long)(int)(~(uint)pid << 3 | ScheduledTime);
        var time = stackalloc long[2];   // struct timespec
        if (SystemCall.Invoke(CallNumber.clock_gettime, clock, (long)time) < 0) return null;
        return TimeSpan.FromTicks((time[0] * TimeSpan.TicksPerSecond) + (time[1] / 100));
    }
}
