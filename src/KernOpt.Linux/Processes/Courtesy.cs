using System.Globalization;
using KernOpt.Linux.Native;

namespace KernOpt.Linux.Processes;

/// <summary>
/// Makes this process step back behind the program that it works on. All its threads become SCHED_BATCH with the longest turns, so that waking up they
/// interrupt nobody, and whoever wakes up interrupts them at once (sched(7); EEVDF prefers the shorter turn when it may run at all); and they are made
/// nicer, when that can be undone: a thread that holds one of the target's must not inherit it. Threads and processes started later inherit all of it,
/// so a target that we launch is launched before. Threads that hold others take it back, see <see cref="TracerThread"/>.
/// </summary>
public static class Courtesy
{
    /// <summary>A third of the weight of a normal thread: on a machine that is all busy our work takes four times as long, and ends.</summary>
    private const int Niceness = 5;

    /// <summary>Does what is permitted; answers how many threads could be changed.</summary>
    public static int StepBack()
    {
        var niceness = CanUndo() ? Niceness : 0;
        var changed = 0;
        foreach (var folder in Directory.EnumerateDirectories("/proc/self/task"))
        {
            var thread = int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture);
            if (Scheduling.Of(thread) is not { Policy: Scheduling.Other } now) continue;
            var wanted = now with { Policy = Scheduling.Batch, Nice = Math.Max(now.Nice, niceness), Slice = Scheduling.LongestSlice };
            if (Scheduling.Set(thread, wanted) == 0) changed++;
        }
        return changed;
    }

    /// <summary>Tried on a thread that ends at once: only with CAP_SYS_NICE or a limit that allows it may a thread become less nice again.</summary>
    private static bool CanUndo()
    {
        var isPermitted = false;
        var trial = new Thread(() =>
        {
            if (Scheduling.Of(0) is not { } before) return;
            isPermitted = Scheduling.Set(0, before with { Nice = Math.Min(19, before.Nice + 1) }) == 0 && Scheduling.Set(0, before) == 0;
        });
        trial.Start();
        trial.Join();
        return isPermitted;
    }
}
