using System.Globalization;
using KernOpt.Target;

namespace KernOpt.Linux.Processes;

/// <summary>Facts from /proc/PID/stat and /proc/PID/status (proc(5)) at one moment. StartTicks: clock ticks from boot to start.</summary>
internal sealed record ProcessStatus(int Pid, string Name, char State, int ProcessId, int TracerPid, uint UserId, ulong StartTicks, bool IsKernelThread, ulong CpuTicks)
{
    private const ulong KernelThreadFlag = 0x00200000;   // PF_KTHREAD of include/linux/sched.h, in the flags field

    /// <summary>Null when there is no such process.</summary>
    public static ProcessStatus? Read(int pid)
    {
        try
        {
            return Parse(pid, File.ReadAllText($"/proc/{pid}/stat"), File.ReadAllLines($"/proc/{pid}/status"));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The name may itself hold spaces and parentheses, so the fields are counted from the last closing one.</summary>
    internal static ProcessStatus? Parse(int pid, string stat, IReadOnlyList<string> status)
    {
        int open = stat.IndexOf('('), close = stat.LastIndexOf(')');
        if (open < 0 || close < open) return null;
        var fields = stat[(close + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length < 20 || fields[0].Length != 1) return null;
        // fields[0] is field 3 (state) of proc(5): flags is field 9, utime 14, stime 15, starttime 22.
        return new(pid, VisibleText.Of(stat[(open + 1)..close]), fields[0][0], (int)Number(status, "Tgid:"), (int)Number(status, "TracerPid:"), (uint)Number(status, "Uid:"),
            Unsigned(fields[19]), (Unsigned(fields[6]) & KernelThreadFlag) != 0, Unsigned(fields[11]) + Unsigned(fields[12]));
    }

    private static ulong Unsigned(string text) => ulong.TryParse(text, CultureInfo.InvariantCulture, out var value) ? value : 0;

    /// <summary>The first number after a key of /proc/PID/status, or 0.</summary>
    internal static ulong Number(IEnumerable<string> lines, string key)
    {
        foreach (var line in lines)
        {
            if (!line.StartsWith(key, StringComparison.Ordinal)) continue;
            return Unsigned(line[key.Length..].Split(['\t', ' '], StringSplitOptions.RemoveEmptyEntries).FirstOrDefault() ?? "");
        }
        return 0;
    }
}
