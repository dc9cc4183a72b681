namespace KernOpt.Linux.Native;

public enum StopKind
{
    /// <summary>Nothing happened within the time.</summary>
    TimedOut,
    Stopped,
    Exited,
    /// <summary>Ended by a signal.</summary>
    Killed,
    /// <summary>It is not, or no longer, our tracee or child.</summary>
    Gone,
}

/// <summary>What waitpid(2) reported of one thread. Code: the stopping or ending signal, or the exit status. See ptrace(2), "Stopped states".</summary>
public readonly record struct StopReport(StopKind Kind, int Code, int Event)
{
    public const int EventFork = 1, EventVfork = 2, EventClone = 3, EventExec = 4, EventVforkDone = 5, EventExit = 6, EventStop = 128;

    public static readonly StopReport TimedOut = new(StopKind.TimedOut, 0, 0);
    public static readonly StopReport Gone = new(StopKind.Gone, 0, 0);

    /// <summary>Entry to or exit from a system call (needs <see cref="Ptrace.OptionSystemCallGood"/>).</summary>
    public bool IsSystemCall => Kind == StopKind.Stopped && Event == 0 && Code == (Signals.Trap | 0x80);

    /// <summary>The stop that <see cref="Ptrace.Interrupt"/> asked for.</summary>
    public bool IsInterrupt => Kind == StopKind.Stopped && Event == EventStop && Code == Signals.Trap;

    /// <summary>The whole process is stopped by SIGSTOP, SIGTSTP, SIGTTIN or SIGTTOU.</summary>
    public bool IsGroupStop => Kind == StopKind.Stopped && Event == EventStop && Code != Signals.Trap;

    /// <summary>A signal is about to be delivered; <see cref="Code"/> says which. It is lost unless it is injected on resuming.</summary>
    public bool IsSignalDelivery => Kind == StopKind.Stopped && Event == 0 && (Code & 0x80) == 0;

    public bool HasEnded => Kind is StopKind.Exited or StopKind.Killed or StopKind.Gone;

    public static StopReport FromStatus(int status) => (status & 0x7f) switch
    {
        0 => new(StopKind.Exited, (status >> 8) & 0xff, 0),
        0x7f => new(StopKind.Stopped, (status >> 8) & 0xff, status >> 16),
        var signal => new(StopKind.Killed, signal, 0),
    };
}

/// <summary>Signal numbers of x86-64 (signal(7)).</summary>
public static class Signals
{
    public const int Ill = 4, Trap = 5, Abort = 6, Bus = 7, Fpe = 8, Kill = 9, Segv = 11, Alarm = 14, Term = 15, Cont = 18, Stop = 19, Sys = 31;
}
