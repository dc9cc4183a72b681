using KernOpt.Linux.Native;

namespace KernOpt.Linux.Threads;

/// <summary>
/// While a thread is held, the tracer thread waits for nobody: the lowest real-time priority (SCHED_FIFO 1, sched(7)), or without the permission the shortest
/// turns. Only for that time: nothing of normal priority runs beside it on its processor, so whatever takes long must not be done here.
/// </summary>
internal readonly struct Urgency : IDisposable
{
    private readonly Scheduling? own;

    private Urgency(Scheduling own) => this.own = own;

    /// <summary>For the calling thread, until disposed on it.</summary>
    public static Urgency Begin()
    {
        if (Scheduling.Of(0) is not { Policy: Scheduling.Other or Scheduling.Batch or Scheduling.Idle } own) return default;
        // Without SCHED_RESET_ON_FORK: who has no CAP_SYS_NICE could not take that flag back, and so not end this.
        if (Scheduling.Set(0, own with { Policy = Scheduling.FirstInFirstOut, Priority = 1, Slice = 0 }) < 0)
            Scheduling.Set(0, own with { Policy = Scheduling.Other, Slice = Scheduling.ShortestSlice });
        return new Urgency(own);
    }

    public void Dispose()
    {
        if (own is { } usual) Scheduling.Set(0, usual);
    }
}
