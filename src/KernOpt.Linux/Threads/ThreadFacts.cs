using System.Globalization;
using KernOpt.Linux.Processes;

namespace KernOpt.Linux.Threads;

/// <summary>
/// What /proc/PID/task/TID says of one thread without stopping it. Call: the system call in which it is blocked (-1: blocked elsewhere in the kernel;
/// null: it runs or is runnable). StackPointer and InstructionPointer are 0 unless it is blocked. Switches: context switches so far.
/// </summary>
internal sealed record ThreadFacts(int Id, char State, long? Call, ulong StackPointer, ulong InstructionPointer, ulong Switches, bool HasSystemCallFilter)
{
    /// <summary>The threads of a process now; empty when it is gone.</summary>
    public static List<int> List(int pid)
    {
        try
        {
            return [.. Directory.EnumerateDirectories($"/proc/{pid}/task").Select(d => int.Parse(Path.GetFileName(d), CultureInfo.InvariantCulture))];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>Null when the thread is gone.</summary>
    public static ThreadFacts? Read(int pid, int thread)
    {
        var folder = $"/proc/{pid}/task/{thread}";
        try
        {
            var status = File.ReadAllLines($"{folder}/status");
            return Parse(thread, status, File.ReadAllText($"{folder}/syscall"));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The two forms of /proc/TID/syscall (proc_pid_syscall(5)): "running", or "number arguments… sp pc" where a number of -1 has no arguments.</summary>
    internal static ThreadFacts? Parse(int thread, IReadOnlyList<string> status, string call)
    {
        var state = status.FirstOrDefault(l => l.StartsWith("State:", StringComparison.Ordinal))?["State:".Length..].TrimStart();
        if (string.IsNullOrEmpty(state)) return null;
        var switches = ProcessStatus.Number(status, "voluntary_ctxt_switches:") + ProcessStatus.Number(status, "nonvoluntary_ctxt_switches:");
        var hasFilter = ProcessStatus.Number(status, "Seccomp:") != 0;
        var parts = call.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length < 3) return new(thread, state[0], null, 0, 0, switches, hasFilter);
        var number = long.Parse(parts[0], CultureInfo.InvariantCulture);
        return new(thread, state[0], number, Hex(parts[^2]), Hex(parts[^1]), switches, hasFilter);
    }

    private static ulong Hex(string text) => Convert.ToUInt64(text, 16);
}
