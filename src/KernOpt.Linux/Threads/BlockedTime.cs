using System.Globalization;
using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Linux.Threads;

/// <summary>
/// How long a blocked thread has been in its epoll_wait, from se.exec_start of /proc/PID/task/TID/sched: the scheduler's clock when it last ran. That clock
/// is the processor's own, so it is compared with our own figure on the same processor. Zero where this is not known, and where the call was made by the main
/// program's own code: that may reuse r10, which the kernel keeps, while a library's wrapper loads it anew for each call.
/// </summary>
internal static class BlockedTime
{
    public static TimeSpan Of(int pid, ThreadFacts thread, TargetMap map)
    {
        if (thread.Call is not ((long)CallNumber.epoll_wait or (long)CallNumber.epoll_pwait)) return TimeSpan.Zero;
        var caller = map.Modules.FirstOrDefault(m => m.Range.Contains(new Address(thread.InstructionPointer)));
        if (caller is null || caller.IsMainProgram) return TimeSpan.Zero;
        var processor = Processor(pid, thread.Id);
        var then = Start($"/proc/{pid}/task/{thread.Id}/sched");
        var now = processor < 0 ? null : OnProcessor(processor, () => Start("/proc/thread-self/sched"));
        return now is { } later && then is { } earlier && later > earlier ? TimeSpan.FromMilliseconds(later - earlier) : TimeSpan.Zero;
    }

    /// <summary>Milliseconds on the line "se.exec_start : 1536344.463653", or null.</summary>
    internal static double? Parse(IEnumerable<string> lines)
    {
        var line = lines.FirstOrDefault(l => l.StartsWith("se.exec_start", StringComparison.Ordinal));
        return line is not null && double.TryParse(line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..], CultureInfo.InvariantCulture, out var value) ? value : null;
    }

    private static double? Start(string path)
    {
        try
        {
            return Parse(File.ReadLines(path));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static int Processor(int pid, int thread)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{pid}/task/{thread}/stat");
            var fields = text[(text.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return fields.Length > 36 ? int.Parse(fields[36], CultureInfo.InvariantCulture) : -1;   // field 39 of proc(5), counted from field 3
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return -1;
        }
    }

    /// <summary>Runs a reading on one processor, and lets the thread go back to those that it had. Null when that processor is not ours to use.</summary>
    private static unsafe double? OnProcessor(int processor, Func<double?> read)
    {
        const int words = 16;   // masks of 1,024 processors
        if (processor >= words * 64) return null;
        var before = stackalloc ulong[words];
        var only = stackalloc ulong[words];
        new Span<ulong>(only, words).Clear();
        only[processor / 64] = 1UL << (processor % 64);
        if (SystemCall.Invoke(CallNumber.sched_getaffinity, 0, words * 8, (long)before) < 0) return null;
        if (SystemCall.Invoke(CallNumber.sched_setaffinity, 0, words * 8, (long)only) < 0) return null;
        SystemCall.Invoke(CallNumber.sched_yield);   // brings our own figure up to now
        var value = read();
        SystemCall.Invoke(CallNumber.sched_setaffinity, 0, words * 8, (long)before);
        return value;
    }
}
