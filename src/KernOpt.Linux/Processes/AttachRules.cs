using System.Globalization;
using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Linux.Processes;

/// <summary>Which processes may be attached, and what stands in the way of those that may not.</summary>
internal static class AttachRules
{
    /// <summary>Answers the process's facts, or why it is refused. Touches nothing of it.</summary>
    public static Outcome<ProcessStatus> Check(int pid)
    {
        if (pid <= 0 || ProcessStatus.Read(pid) is not { } status) return Reasons.NoSuchProcess.With($"pid {pid}");
        if (pid == Environment.ProcessId) return Reasons.ProcessIsSelf.With($"pid {pid}");
        if (status.ProcessId != pid) return Reasons.NotAProcess.With($"{pid} is a thread of process {status.ProcessId}");
        if (status.IsKernelThread) return Reasons.ProcessIsKernelThread.With($"{status.Name} (pid {pid})");
        if (status.State is 'Z' or 'X') return Reasons.ProcessIsZombie.With($"{status.Name} (pid {pid})");
        if (status.TracerPid != 0) return Reasons.AlreadyTraced.With(DescribeTracer(status));
        if (status.State is 'T') return Reasons.ProcessIsStopped.With($"{status.Name} (pid {pid})");
        return CheckProgram(status);
    }

    /// <summary>What is missing when the kernel has refused to open the memory or to trace, in the order of the kernel's own checks (ptrace(2)).</summary>
    public static Refusal ExplainDenial(ProcessStatus status, long result)
    {
        var now = ProcessStatus.Read(status.Pid);
        if (now is null) return Reasons.NoSuchProcess.With($"pid {status.Pid}");
        if (now.TracerPid != 0) return Reasons.AlreadyTraced.With(DescribeTracer(now));
        var who = $"{status.Name} (pid {status.Pid})";
        var own = (uint)SystemCall.Invoke(CallNumber.geteuid);
        if (now.UserId != own)
            return Reasons.NoTracePermission.With($"{who} belongs to user {now.UserId}, this is user {own}: capability CAP_SYS_PTRACE is missing (run as that user or as root)");
        if (YamaScope() is var scope and > 0)
            return Reasons.NoTracePermission.With($"{who}: kernel.yama.ptrace_scope is {scope}{DescribeScope(scope)}");
        return Reasons.NoTracePermission.With(
            $"{who}: {Errno.Describe(result)}: capability CAP_SYS_PTRACE is missing (the program is not dumpable, has more privileges, or is in another user namespace)");
    }

    /// <summary>The same for a thread that could not be seized.</summary>
    public static Refusal ExplainTraceDenial(int thread, long result)
        => ProcessStatus.Read(thread) is { } status ? ExplainDenial(status, result) : Reasons.ThreadLost.With($"thread {thread}");

    private static Outcome<ProcessStatus> CheckProgram(ProcessStatus status)
    {
        var program = SystemCall.Open($"/proc/{status.Pid}/exe", OpenFlags.ReadOnly);
        if (program is -Errno.AccessDenied or -Errno.NotPermitted) return ExplainDenial(status, program);
        if (program < 0) return Reasons.TargetUnreadable.With($"/proc/{status.Pid}/exe: {Errno.Describe(program)}");
        Span<byte> header = stackalloc byte[20];
        var length = SystemCall.ReadAt(program, header, 0);
        SystemCall.Close(program);
        if (length == header.Length && ProgramHeaders.IsNative64Bit(header)) return status;
        return Reasons.NotNative64Bit.With($"{status.Name} (pid {status.Pid})");
    }

    private static string DescribeTracer(ProcessStatus status)
    {
        var name = ProcessStatus.Read(status.TracerPid)?.Name;
        return $"{status.Name} (pid {status.Pid}) is traced by pid {status.TracerPid}" + (name is null ? "" : $" ({name})");
    }

    private static int YamaScope()
    {
        const string file = "/proc/sys/kernel/yama/ptrace_scope";
        return File.Exists(file) && int.TryParse(File.ReadAllText(file), NumberStyles.Integer, CultureInfo.InvariantCulture, out var scope) ? scope : 0;
    }

    private static string DescribeScope(int scope) => scope switch
    {
        1 => " (only a parent may trace): capability CAP_SYS_PTRACE is missing, or set it to 0, or launch the program with kernopt",
        2 => " (only administrators may trace): capability CAP_SYS_PTRACE is missing",
        _ => " (nobody may trace until the next boot)",
    };
}
