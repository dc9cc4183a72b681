using KernOpt.Linux.Native;

namespace KernOpt.Linux.Threads;

/// <summary>
/// Short turns for our own threads (Linux 6.12, sched_setattr(2)): where the target wants all processors, it waits for the end of
/// ours. The share of the processors stays as it is. Threads that are made later inherit it.
/// </summary>
public static class OwnTurns
{
    /// <summary>Once, when the process starts. Older kernels leave it as it is.</summary>
    public static void Shorten()
    {
        foreach (var thread in ThreadFacts.List(Environment.ProcessId))
        {
            if (Scheduling.Of(thread) is { Policy: Scheduling.Other } own) Scheduling.Set(thread, own with { Slice = Scheduling.ShortSlice });
        }
    }
}
