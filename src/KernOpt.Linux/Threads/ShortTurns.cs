using KernOpt.Linux.Native;

namespace KernOpt.Linux.Threads;

/// <summary>
/// While a thread is borrowed it is woken three times. Each time it could wait for the turn of another thread to end, some milliseconds. With the shortest turns it does
/// not: a thread with a shorter turn that may run interrupts one with a longer turn (Linux 6.12, PREEMPT_SHORT). Its share of the processor stays as it is.
/// A kill in between leaves it with short turns, which changes nothing but how often it is switched.
/// </summary>
internal static class ShortTurns
{
    /// <summary>The kernel's own length of a turn, as a thread has it that has gone back to it.</summary>
    private static readonly ulong Usual = ReadUsual();

    /// <summary>What to give back, or null when nothing was changed: another policy, an older kernel, no permission.</summary>
    public static Scheduling? Lend(int thread)
    {
        if (Scheduling.Of(thread) is not { Policy: Scheduling.Other or Scheduling.Batch, Slice: > Scheduling.ShortestSlice } own) return null;
        return Scheduling.Set(thread, own with { Slice = Scheduling.ShortestSlice }) == 0 ? own : null;
    }

    /// <summary>A turn of the kernel's own length is given back as such, so that later changes of that still count for the thread.</summary>
    public static void TakeBack(int thread, Scheduling? lent)
    {
        if (lent is { } own) Scheduling.Set(thread, own with { Slice = own.Slice == Usual ? 0 : own.Slice });
    }

    private static ulong ReadUsual()
    {
        var usual = 0UL;
        var trial = new Thread(() =>
        {
            if (Scheduling.Of(0) is not { } inherited) return;
            Scheduling.Set(0, inherited with { Policy = Scheduling.Other, Priority = 0, Slice = 0 });
            usual = Scheduling.Of(0)?.Slice ?? 0;
        });
        trial.Start();
        trial.Join();
        return usual;
    }
}
