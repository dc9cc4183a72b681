using System.Globalization;
using KernOpt.Linux.Native;
using KernOpt.Linux.Processes;

namespace KernOpt.Linux.Threads;

/// <summary>
/// What /proc/PID/task/TID says of one thread without stopping it. Call: the system call in which it is blocked (-1: blocked elsewhere in the kernel;
/// null: it runs or is runnable, or this could not be read). StackPointer and InstructionPointer are 0 unless it is blocked. Switches: context switches so far.
/// IsTransferring: the call is one that, when interrupted, ends with the bytes that it has moved so far, which the program would see.
/// </summary>
internal sealed record ThreadFacts(int Id, char State, long? Call, ulong StackPointer, ulong InstructionPointer, ulong Switches, bool HasSystemCallFilter)
{
    /// <summary>Its state is not known: it is there, but the kernel would not let us read it now.</summary>
    public const char Unknown = '?';

    public bool IsTransferring { get; private init; }

    /// <summary>The threads of a process now; empty when it is gone, or when they cannot be listed: the process is then still there.</summary>
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

    /// <summary>The thread that traces the first thread of a process; null when none does, or it cannot be read.</summary>
    public static int? TracerOf(int pid)
    {
        const string line = "TracerPid:";
        try
        {
            var found = File.ReadLines($"/proc/{pid}/status").FirstOrDefault(l => l.StartsWith(line, StringComparison.Ordinal));
            return found is not null && int.TryParse(found[line.Length..], CultureInfo.InvariantCulture, out var tracer) && tracer != 0 ? tracer : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Null when the thread is gone.</summary>
    public static ThreadFacts? Read(int pid, int thread)
    {
        var folder = $"/proc/{pid}/task/{thread}";
        try
        {
            var status = File.ReadAllLines($"{folder}/status");
            if (Parse(thread, status, File.ReadAllText($"{folder}/syscall")) is { } facts) return facts;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Told apart below.
        }
        // Too many open files, for example, says nothing about the thread.
        return Directory.Exists(folder) ? new(thread, Unknown, null, 0, 0, 0, true) : null;
    }

    /// <summary>
    /// Whether the thread is one of this process, and no filter of system calls (seccomp(2)) is in force for it. Asked of a thread that is held, so short: no
    /// memory is allocated but for the path.
    /// </summary>
    public static bool IsFreeOfFilters(int pid, int thread)
    {
        var descriptor = SystemCall.Open($"/proc/{pid}/task/{thread}/status", OpenFlags.ReadOnly);
        if (descriptor < 0) return false;
        Span<byte> text = stackalloc byte[4096];
        var length = SystemCall.ReadAt(descriptor, text, 0);
        SystemCall.Close(descriptor);
        if (length <= 0) return false;
        var line = "Seccomp:\t"u8;
        var at = text[..(int)length].IndexOf(line);
        // A kernel without filters has no such line.
        return at < 0 || (at + line.Length < length && text[at + line.Length] == (byte)'0');
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
        return new(thread, state[0], number, Hex(parts[^2]), Hex(parts[^1]), switches, hasFilter)
        {
            IsTransferring = RestartRules.IsTransfer((CallNumber)number, argument => parts.Length > argument + 3 ? Hex(parts[argument + 1]) : 0),
        };
    }

    private static ulong Hex(string text) => Convert.ToUInt64(text, 16);
}
