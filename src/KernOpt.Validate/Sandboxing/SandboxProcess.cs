using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Validate.Sandboxing;

/// <summary>The sandbox is no more (killed from outside, out of memory). Ends the validation that uses it.</summary>
internal sealed class SandboxLostException(string what) : Exception(what);

/// <summary>
/// A process of ours that runs foreign code natively and never a system call of it. Seized by ptrace with PTRACE_O_EXITKILL: it dies with us, however
/// we end. Its address space holds nothing but its one page and what is mapped by <see cref="Call"/>. All members on the tracer thread only.
/// </summary>
internal sealed class SandboxProcess : IDisposable
{
    /// <summary>SIGVTALRM: the tick of the processor time that the code under test may use.</summary>
    public const int TickSignal = 26;

    private const int WaitForAll = 0x40000000;
    private readonly int process;
    private readonly SandboxLayout layout;
    private Registers initial;
    private bool hasEnded;

    private SandboxProcess(int process, SandboxLayout layout, int memoryDescriptor)
    {
        this.process = process;
        this.layout = layout;
        MemoryDescriptor = memoryDescriptor;
    }

    /// <summary>For tests: the sandbox must be gone when we are.</summary>
    public int Id => process;

    /// <summary>The number that the shared memory file has in the sandbox.</summary>
    public int MemoryDescriptor { get; }

    /// <summary>Segment registers and the like as a fresh process has them.</summary>
    public Registers InitialRegisters => initial;

    public static Outcome<SandboxProcess> Start(SandboxLayout layout, int memoryFile, int tickMilliseconds)
    {
        var started = ChildProcess.Start(SandboxProgram.Build(layout.Program, tickMilliseconds), SandboxProgram.Name, memoryFile, out var inherited);
        if (!started.Try(out var child, out var why)) return why;
        var sandbox = new SandboxProcess(child, layout, inherited);
        var seized = sandbox.Seize();
        if (seized.IsDone)
        {
            try
            {
                sandbox.Prepare();
                return sandbox;
            }
            catch (SandboxLostException lost)
            {
                seized = Reasons.SandboxUnavailable.With(lost.Message);
            }
        }
        sandbox.Dispose();
        return seized.Refusal;
    }

    /// <summary>Resumes the code under test and waits for its next stop. System calls become stops and are not carried out.</summary>
    public StopReport Resume()
    {
        return Go(isEmulating: true);
    }

    public Registers GetRegisters()
    {
        Check(Ptrace.GetRegisters(process, out var registers), "PTRACE_GETREGS");
        return registers;
    }

    public void SetRegisters(in Registers registers) => Check(Ptrace.SetRegisters(process, registers), "PTRACE_SETREGS");

    public int GetExtendedState(Span<byte> into)
    {
        var length = Ptrace.GetExtendedState(process, into);
        Check(length, "PTRACE_GETREGSET");
        return (int)length;
    }

    public void SetExtendedState(Span<byte> state) => Check(Ptrace.SetExtendedState(process, state), "PTRACE_SETREGSET");

    public void GetSignalInfo(Span<byte> into) => Check(Ptrace.GetSignalInfo(process, into), "PTRACE_GETSIGINFO");

    /// <summary>
    /// A system call made by the sandbox for us: its value or the negated error. The code under test is at a stop; its registers must be set anew after it.
    /// </summary>
    public long Call(CallNumber number, ulong a = 0, ulong b = 0, ulong c = 0, ulong d = 0, ulong e = 0, ulong f = 0)
    {
        var registers = initial with
        {
            Rip = layout.Program + SandboxProgram.CallOffset,
            Rax = (ulong)number,
            OriginalRax = ulong.MaxValue,
            Rdi = a, Rsi = b, Rdx = c, R10 = d, R8 = e, R9 = f,
        };
        SetRegisters(registers);
        StopReport stop;
        do
        {
            stop = Go(isEmulating: false);
        }
        while (stop.Code == TickSignal);
        if (stop.Code != Signals.Trap) throw new SandboxLostException($"system call {number} in the sandbox was stopped by signal {stop.Code}");
        return (long)GetRegisters().Rax;
    }

    public void Dispose()
    {
        if (hasEnded) return;
        hasEnded = true;
        SystemCall.Kill(process, Signals.Kill);
        StopReport report;
        do report = WaitOnce();
        while (!report.HasEnded);
    }

    private Outcome<Done> Seize()
    {
        var result = Ptrace.Seize(process, Ptrace.OptionExitKill | Ptrace.OptionSystemCallGood);
        if (result < 0) return Reasons.SandboxUnavailable.With($"PTRACE_SEIZE of an own child: {Errno.Describe(result)}");
        result = Ptrace.Interrupt(process);
        if (result < 0) return Reasons.SandboxUnavailable.With($"PTRACE_INTERRUPT: {Errno.Describe(result)}");
        var stop = WaitOnce();
        if (stop.HasEnded) return Reasons.SandboxUnavailable.With("the sandbox ended before it could be used");
        Ptrace.GetRegisters(process, out initial);
        return Done.It;
    }

    /// <summary>No core file, no blocked signal, no inherited descriptor, no memory but its own page, and a tick of used processor time.</summary>
    private void Prepare()
    {
        const int coreLimit = 4, resourceNumber = 160, setMask = 2, signalMaskNumber = 14, closeRangeNumber = 436, setTimerNumber = 38, virtualTimer = 1, setName = 15;
        var zero = layout.Program + SandboxProgram.ZeroOffset;
        Call(CallNumber.prctl, setName, layout.Program + SandboxProgram.NameOffset);
        Call((CallNumber)resourceNumber, coreLimit, zero);
        Call((CallNumber)signalMaskNumber, setMask, zero, 0, 8);
        Call((CallNumber)closeRangeNumber, 0, (ulong)MemoryDescriptor - 1);
        Call((CallNumber)closeRangeNumber, (ulong)MemoryDescriptor + 1, uint.MaxValue);
        foreach (var range in ForeignRanges()) Call(CallNumber.munmap, range.Start.Value, range.Length);
        // ITIMER_VIRTUAL counts only what the code under test uses itself, so a loaded machine changes nothing (setitimer(2)).
        Check(Call((CallNumber)setTimerNumber, virtualTimer, layout.Program + SandboxProgram.TimerOffset), "setitimer");
    }

    private List<AddressRange> ForeignRanges()
    {
        var ranges = new List<AddressRange>();
        foreach (var line in File.ReadLines($"/proc/{process}/maps"))
        {
            var dash = line.IndexOf('-');
            var start = ulong.Parse(line.AsSpan(0, dash), System.Globalization.NumberStyles.HexNumber);
            var end = ulong.Parse(line.AsSpan(dash + 1, line.IndexOf(' ') - dash - 1), System.Globalization.NumberStyles.HexNumber);
            if (start != layout.Program && start < 1UL << 63) ranges.Add(AddressRange.Between(new Address(start), new Address(end)));
        }
        return ranges;
    }

    private StopReport Go(bool isEmulating)
    {
        while (true)
        {
            Check(isEmulating ? Ptrace.EmulateSystemCalls(process) : Ptrace.Continue(process), "resuming");
            var report = WaitOnce();
            if (report.HasEnded)
            {
                hasEnded = true;
                throw new SandboxLostException($"the sandbox ended: {report.Kind} {report.Code}");
            }
            // A stop from outside (SIGSTOP, a late interrupt) is none of the code's doing.
            if (report.Event == 0) return report;
        }
    }

    /// <summary>Blocks: every run is bounded by the tick, every call of ours returns at once.</summary>
    private unsafe StopReport WaitOnce()
    {
        int status;
        long result;
        do result = SystemCall.Invoke(CallNumber.wait4, process, (long)&status, WaitForAll, 0);
        while (result == -Errno.Interrupted);
        return result < 0 ? StopReport.Gone : StopReport.FromStatus(status);
    }

    private static void Check(long result, string what)
    {
        if (result < 0) throw new SandboxLostException($"{what}: {Errno.Describe(result)}");
    }
}
