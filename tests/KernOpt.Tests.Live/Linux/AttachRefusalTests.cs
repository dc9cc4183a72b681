using System.Diagnostics;
using KernOpt.Linux;
using KernOpt.Linux.Native;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live.Linux;

/// <summary>What cannot be a target is refused with its own reason, and is left as it was.</summary>
public sealed class AttachRefusalTests
{
    [Fact]
    public void ProgramOfThirtyTwoBits_IsRefused()
    {
        var path = Path.GetTempFileName();
        File.WriteAllBytes(path, ThirtyTwoBitProgram());
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var spawned = TraceableChild.Spawn([path]);
        File.Delete(path);
        Assert.SkipUnless(spawned.IsDone, "this kernel runs no 32-bit programs");
        Refuses(spawned.Value.Pid, Reasons.NotNative64Bit);
        End(spawned.Value);
    }

    [Fact]
    public void ProcessThatADebuggerTraces_IsRefused_AndTheDebuggerIsNamed()
    {
        using var program = NativeProgram.Start("idle.c");
        program.ReadLine();
        var debugger = TraceableChild.Spawn(["gdb", "-q", "-nx", "-batch", "-p", $"{program.Pid}", "-ex", "shell sleep 30"], standardOutput: NullOutput());
        Assert.SkipUnless(debugger.IsDone, "no gdb");
        Assert.True(SpinWait.SpinUntil(() => IsTraced(program.Pid) || debugger.Value.Exit.IsCompleted, TimeSpan.FromSeconds(20)));
        var refusal = Refuses(program.Pid, Reasons.AlreadyTraced);
        Assert.Contains($"pid {debugger.Value.Pid}", refusal.Detail, StringComparison.Ordinal);
        End(debugger.Value);
    }

    [Fact]
    public void StoppedProcess_IsRefused_AndStaysStopped()
    {
        using var program = NativeProgram.Start("idle.c");
        program.ReadLine();
        SystemCall.Kill(program.Pid, Signals.Stop);
        Assert.True(SpinWait.SpinUntil(() => StateOf(program.Pid) == 'T', TimeSpan.FromSeconds(10)));
        Refuses(program.Pid, Reasons.ProcessIsStopped);
        Assert.Equal('T', StateOf(program.Pid));
        SystemCall.Kill(program.Pid, Signals.Cont);
        using var target = ProcessTarget.Attach(program.Pid).Value;
    }

    [Fact]
    public void Zombie_IsRefused()
    {
        // The shell's child ends at once; the shell has become a program that never collects it.
        var parent = TraceableChild.Spawn(["/bin/sh", "-c", "/bin/true & exec /bin/sleep 30"]).Value;
        var zombie = 0;
        Assert.True(SpinWait.SpinUntil(() => (zombie = ChildOf(parent.Pid)) > 0 && StateOf(zombie) == 'Z', TimeSpan.FromSeconds(10)));
        Refuses(zombie, Reasons.ProcessIsZombie);
        End(parent);
    }

    [Fact]
    public void KernelThread_Thread_Self_AndNobody_AreRefused()
    {
        if (File.Exists("/proc/2/comm") && File.ReadAllText("/proc/2/comm").Trim() == "kthreadd") Refuses(2, Reasons.ProcessIsKernelThread);
        Refuses(Environment.ProcessId, Reasons.ProcessIsSelf);
        Refuses(int.MaxValue, Reasons.NoSuchProcess);
        Refuses(-1, Reasons.NoSuchProcess);
        using var program = NativeProgram.Start("waits.c", "busy");
        BorrowTests.AwaitReady(program);
        var thread = Directory.EnumerateDirectories($"/proc/{program.Pid}/task").Select(d => int.Parse(Path.GetFileName(d), null)).First(t => t != program.Pid);
        Refuses(thread, Reasons.NotAProcess);
    }

    /// <summary>The test program once more, as a user without privileges; only root can arrange that.</summary>
    [Fact]
    public void ProcessOfAnotherUser_IsRefused_AndTheCapabilityIsNamed()
    {
        Assert.SkipUnless(Environment.UserName == "root" && File.Exists("/usr/bin/setpriv"), "needs root and setpriv");
        using var program = NativeProgram.Start("idle.c");
        program.ReadLine();
        var start = new ProcessStartInfo("setpriv", ["--reuid=65534", "--clear-groups", "--inh-caps=-all", Environment.ProcessPath!]) { RedirectStandardOutput = true };
        start.Environment[AttachTrial.Variable] = $"{program.Pid}";
        using var trial = Process.Start(start)!;
        var said = trial.StandardOutput.ReadToEnd();
        trial.WaitForExit();
        Assert.SkipWhen(trial.ExitCode is 126 or 127 or 131 || said.Length == 0, "another user may not run the test program where it lies");
        Assert.Contains(Reasons.NoTracePermission.Name, said, StringComparison.Ordinal);
        Assert.Contains("CAP_SYS_PTRACE", said, StringComparison.Ordinal);
    }

    private static Refusal Refuses(int pid, Reason reason)
    {
        var attached = ProcessTarget.Attach(pid);
        if (attached.IsDone) attached.Value.Dispose();
        Assert.False(attached.IsDone, $"pid {pid} was attached");
        Assert.Equal(reason, attached.Refusal.Reason);
        return attached.Refusal;
    }

    private static int NullOutput() => SystemCall.Open("/dev/null", OpenFlags.ReadWrite);

    private static bool IsTraced(int pid) => File.ReadLines($"/proc/{pid}/status").Any(l => l.StartsWith("TracerPid:", StringComparison.Ordinal) && !l.EndsWith("\t0", StringComparison.Ordinal));

    private static char StateOf(int pid) => File.ReadAllText($"/proc/{pid}/stat").Split(") ")[^1][0];

    private static int ChildOf(int pid) => int.TryParse(File.ReadAllText($"/proc/{pid}/task/{pid}/children").Split(' ')[0], null, out var child) ? child : 0;

    private static void End(TraceableChild child)
    {
        SystemCall.Kill(child.Pid, Signals.Kill);
        child.Exit.Wait();
    }

    /// <summary>A static ELF32 program for i386 of one page, which calls pause(2) for ever.</summary>
    private static byte[] ThirtyTwoBitProgram()
    {
        byte[] header = [0x7f, (byte)'E', (byte)'L', (byte)'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 1, 0, 0, 0, .. Word(0x08048054), .. Word(52), .. Word(0), .. Word(0), 52, 0, 32, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        byte[] code = [0xb8, 29, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7];   // mov eax, 29; int 0x80; jmp back
        byte[] segment = [.. Word(1), .. Word(0), .. Word(0x08048000), .. Word(0x08048000), .. Word(84 + 9), .. Word(84 + 9), .. Word(5), .. Word(4096)];
        return [.. header, .. segment, .. code];
    }

    private static byte[] Word(int value) => BitConverter.GetBytes(value);
}
