using System.Globalization;
using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Linux.Threads;

/// <summary>
/// How long a blocked thread has been in its epoll_wait, from se.exec_start of /proc/PID/task/TID/sched: the scheduler's clock when it last ran. That clock
/// is the processor's own, so it is compared with our own figure on the same processor. Zero where this is not known, and where the call was made by the main
/// program's own code: that may reuse r10, which the kernel keeps, while a library's wrapper loads it anew for each call.
/// </summary>
/// <param name="Time">When it was looked at.</param>
/// <param name="Switches">How often it had given up its processor by then (nr_voluntary_switches).</param>
internal readonly record struct BlockedTime(TimeSpan Time, double Switches)
{
    public static readonly BlockedTime None = new(TimeSpan.Zero, 0);

    public static BlockedTime Of(int pid, ThreadFacts thread, TargetMap map)
    {
        if (thread.Call is not ((long)CallNumber.epoll_wait or (long)CallNumber.epoll_pwait)) return None;
        var caller = map.Modules.FirstOrDefault(m => m.Range.Contains(new Address(thread.InstructionPointer)));
        if (caller is null || caller.IsMainProgram) return None;
        var processor = Processor(pid, thread.Id);
        var then = Read(pid, thread.Id);
        var now = processor < 0 ? null : OnProcessor(processor, () => Read("/proc/thread-self/sched"));
        return now is { } later && then is { } earlier && later.Start > earlier.Start ? new(TimeSpan.FromMilliseconds(later.Start - earlier.Start), earlier.Switches) : None;
    }

    /// <summary>
    /// The time, for a thread that has been stopped since; zero if it has slept again before that: then its wait is another one, which must not end early for what the last one took. The stop itself is
    /// one switch.
    /// </summary>
    public TimeSpan IfStillIn(int pid, int thread) => Time > TimeSpan.Zero && Read(pid, thread) is { } now && now.Switches <= Switches + 1 ? Time : TimeSpan.Zero;

    /// <summary>Milliseconds on the line "se.exec_start : 1536344.463653" and the number of "nr_voluntary_switches : 6", or null.</summary>
    internal static (double Start, double Switches)? Parse(IReadOnlyCollection<string> lines) =>
        Value(lines, "se.exec_start") is { } start && Value(lines, "nr_voluntary_switches") is { } switches ? (start, switches) : null;

    private static double? Value(IEnumerable<string> lines, string name)
    {
        var line = lines.FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal));
        return line is not null && double.TryParse(line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..], CultureInfo.InvariantCulture, out var value) ? value : null;
    }

    private static (double Start, double Switches)? Read(int pid, int thread) => Read($"/proc/{pid}/task/{thread}/sched");

    private static (double Start, double Switches)? Read(string path)
    {
        try
        {
            return Parse(File.ReadAllLines(path));
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
    private static unsafe (double Start, double Switches)? OnProcessor(int processor, Func<(double, double)?> read)
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
