using KernOpt.Linux.Native;

namespace KernOpt.Linux.Sampling;

/// <summary>Clocks of clock_gettime(2), in nanoseconds.</summary>
internal static unsafe class ThreadClock
{
    /// <summary>CPU time of the calling thread.</summary>
    public static long Own => Read(3);

    public static ulong Monotonic => (ulong)Read(1);

    private static long Read(int clock)
    {
        var time = stackalloc long[2];
        return SystemCall.Invoke(CallNumber.clock_gettime, clock, (long)time) < 0 ? 0 : (time[0] * 1_000_000_000) + time[1];
    }
}
