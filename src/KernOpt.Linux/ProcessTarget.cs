using System.Diagnostics;
using KernOpt.Linux.Memory;
using KernOpt.Linux.Native;
using KernOpt.Linux.Processes;
using KernOpt.Linux.Regions;
using KernOpt.Linux.Threads;
using KernOpt.Target;

namespace KernOpt.Linux;

/// <summary>
/// A live process. Attaching opens its memory file and a process descriptor and keeps both; it neither stops nor traces anything.
/// </summary>
public sealed partial class ProcessTarget : ITarget
{
    private static readonly TimeSpan LongestExecve = TimeSpan.FromSeconds(2);

    private readonly ProcessStatus status;
    private readonly TargetMemory memory;
    private readonly int process;
    private readonly byte[] auxiliary;
    private readonly ModuleFiles files;
    private readonly TextStore text;
    private readonly ThreadHolds holds;
    private TimeSpan lastCpuTime;

    private ProcessTarget(ProcessStatus status, TargetMemory memory, int process, byte[] auxiliary)
    {
        this.status = status;
        this.memory = memory;
        this.process = process;
        this.auxiliary = auxiliary;
        files = new(status.Pid, memory);
        text = new(memory);
        holds = new(status.Pid);
        Calls = new(status.Pid, memory, holds, Places, ReadMap);
        Runs = new(Calls, Mapper, memory, ReadMap);
    }

    public int Pid => status.Pid;

    public string Name => $"{status.Name} (pid {status.Pid})";

    public string Identity => $"pid:{status.Pid}:start:{status.StartTicks}";

    /// <summary>
    /// Opens a process for reading and changing. Refused: 4001–4012 for what cannot be a target, 4101–4102 where the kernel does not permit it.
    /// </summary>
    public static Outcome<ProcessTarget> Attach(int pid)
    {
        if (!AttachRules.Check(pid).Try(out var status, out var why)) return why;
        TurnTicks.Once();
        var (memory, error) = TargetMemory.Open(pid);
        if (memory is null) return error == -Errno.NoSuchProcess ? Reasons.NoSuchProcess.With($"pid {pid}") : AttachRules.ExplainDenial(status, error);
        var process = SystemCall.OpenProcess(pid);
        var auxiliary = ReadAuxiliaryOfMapped(pid);
        // The pid may have been given to another process between the checks: then the start time differs.
        if (process >= 0 && auxiliary.Length > 0 && ProcessStatus.Read(pid)?.StartTicks == status.StartTicks)
            return new ProcessTarget(status, memory, process, auxiliary);
        memory.Dispose();
        if (process >= 0) SystemCall.Close(process);
        return Reasons.NoSuchProcess.With($"pid {pid}");
    }

    /// <summary>
    /// Gone when the process has exited; Replaced when its memory file is dead or the auxiliary vector (random base addresses) is another one.
    /// </summary>
    public TargetState State
    {
        get
        {
            if (SystemCall.IsReadable(process)) return TargetState.Gone;
            if (memory.IsAlive && ReadAuxiliary(Pid).AsSpan().SequenceEqual(auxiliary)) return TargetState.Alive;
            return SystemCall.IsReadable(process) || ProcessStatus.Read(Pid) is not { State: not ('Z' or 'X') } ? TargetState.Gone : TargetState.Replaced;
        }
    }

    public TargetMap ReadMap() => State == TargetState.Alive ? new MapReader(Pid, files).Read() : new([], []);

    public int Read(Address from, Span<byte> into) => memory.Read(from, into);

    public bool CanStoreAtOnce(Address at, int length) => TextStore.CanStoreAtOnce(at, length);

    public Outcome<Done> StoreText(Address at, ReadOnlySpan<byte> expected, ReadOnlySpan<byte> replacement)
    {
        var outcome = text.Store(at, expected, replacement);
        return outcome.IsDone || State == TargetState.Alive ? outcome : WhyNotAlive();
    }

    public TimeSpan CpuTime => lastCpuTime = State == TargetState.Gone ? lastCpuTime : ProcessClock.Read(Pid) ?? lastCpuTime;

    internal RemoteCalls Calls { get; }

    internal CallRuns Runs { get; }

    internal TargetMemory Memory => memory;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) != 0) return;
        lock (regionGate)
        {
            foreach (var start in regions.Keys.ToList()) Forget(start);
        }
        holds.Dispose();
        memory.Dispose();
        SystemCall.Close(process);
    }

    private int isDisposed;

    private Refusal WhyNotAlive() => State == TargetState.Replaced ? Reasons.TargetReplaced.With(Name) : Reasons.TargetGone.With(Name);

    /// <summary>
    /// Inside execve(2) the address space is the new program's already, and the vector is still zero; the program and its loader are mapped before it is filled (fs/binfmt_elf.c).
    /// </summary>
    private static byte[] ReadAuxiliaryOfMapped(int pid)
    {
        var vector = ReadAuxiliary(pid);
        for (var started = Stopwatch.GetTimestamp(); vector.Length >= 8 && vector.AsSpan(0, 8).IndexOfAnyExcept((byte)0) < 0 && Stopwatch.GetElapsedTime(started) < LongestExecve; vector = ReadAuxiliary(pid))
            SystemCall.Sleep(100_000);
        return vector;
    }

    private static byte[] ReadAuxiliary(int pid)
    {
        try
        {
            return File.ReadAllBytes($"/proc/{pid}/auxv");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
