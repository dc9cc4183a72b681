using KernOpt.Linux.Native;

namespace KernOpt.Linux.Threads;

/// <summary>
/// How a thread that was stopped inside a system call goes on as if it had not been. See signal(7), "Interruption of system calls", and ptrace(2).
/// </summary>
internal static class RestartRules
{
    /// <summary>The kernel's own codes for "this call is to be done again" (include/linux/errno.h); a program never sees them.</summary>
    private const long RestartSystem = -512, RestartNoInterrupt = -513, RestartNoHandler = -514, RestartBlock = -516;

    /// <summary>
    /// Calls that end with EINTR after any stop, also when no handler runs, and that have changed nothing when they do: they may be done again.
    /// The socket calls do so where the socket has a timeout.
    /// </summary>
    private static readonly HashSet<CallNumber> EndInterrupted =
    [
        CallNumber.epoll_wait, CallNumber.epoll_pwait, CallNumber.epoll_pwait2, CallNumber.semop, CallNumber.semtimedop, CallNumber.rt_sigtimedwait,
        CallNumber.io_getevents, CallNumber.io_pgetevents, CallNumber.msgrcv, CallNumber.msgsnd, CallNumber.io_uring_enter,
        CallNumber.read, CallNumber.write, CallNumber.readv, CallNumber.writev, CallNumber.recvfrom, CallNumber.recvmsg, CallNumber.recvmmsg,
        CallNumber.sendto, CallNumber.sendmsg, CallNumber.accept, CallNumber.accept4, CallNumber.connect,
    ];

    /// <summary>Blocked calls that the kernel itself continues after a stop: the best time to borrow a thread.</summary>
    private static readonly HashSet<CallNumber> Transparent =
    [
        CallNumber.futex, CallNumber.poll, CallNumber.ppoll, CallNumber.select, CallNumber.pselect6, CallNumber.nanosleep, CallNumber.clock_nanosleep,
        CallNumber.pause, CallNumber.rt_sigsuspend, CallNumber.wait4, CallNumber.read, CallNumber.recvfrom, CallNumber.recvmsg, CallNumber.accept, CallNumber.accept4,
    ];

    private static readonly HashSet<CallNumber> Transfers =
    [
        CallNumber.write, CallNumber.writev, CallNumber.pwrite64, CallNumber.pwritev, CallNumber.pwritev2, CallNumber.sendto, CallNumber.sendmsg, CallNumber.sendmmsg,
        CallNumber.sendfile, CallNumber.splice, CallNumber.tee, CallNumber.vmsplice, CallNumber.copy_file_range, CallNumber.preadv, CallNumber.preadv2,
    ];

    /// <summary>
    /// Whether the call may have moved some of its bytes while it is blocked. Any stop then ends it with their number, as a signal would: a program that never
    /// gets one may not expect that. A read blocks only as long as there is nothing, unless it is told to wait for all (MSG_WAITALL).
    /// </summary>
    /// <param name="argument">The call's arguments by number, from 0.</param>
    public static bool IsTransfer(CallNumber call, Func<int, ulong> argument)
    {
        const ulong waitAll = 0x100;
        return call switch
        {
            CallNumber.recvfrom or CallNumber.recvmmsg => (argument(3) & waitAll) != 0,
            CallNumber.recvmsg => (argument(2) & waitAll) != 0,
            _ => Transfers.Contains(call),
        };
    }

    /// <summary>Lower is better: 0 running, 1 in a transparent call, 2 in another call, 3 in one that ends with EINTR, 4 elsewhere in the kernel.</summary>
    public static int Rank(long? call) => call switch
    {
        null => 0,
        -1 => 4,
        { } number when Transparent.Contains((CallNumber)number) => 1,
        { } number when EndInterrupted.Contains((CallNumber)number) => 3,
        _ => 2,
    };

    /// <summary>
    /// The registers to let a stopped thread go on with. They are its own, but for a call that ended with EINTR: that is given the code with which the kernel
    /// does it again when no handler runs, and ends it with EINTR when one does. So a signal that comes at any moment is seen as it would have been.
    /// The timeout (milliseconds, in r10) of an epoll_wait is shortened by what it has waited already, never below 0; the other calls have theirs in
    /// memory of the program, which stays as it is: they wait for their full time again.
    /// </summary>
    public static Registers Resumed(in Registers stopped, TimeSpan waited)
    {
        if (!stopped.IsInSystemCall || (long)stopped.Rax != -Errno.Interrupted || !EndInterrupted.Contains((CallNumber)stopped.OriginalRax)) return stopped;
        var resumed = stopped with { Rax = unchecked((ulong)RestartNoHandler) };
        var timeout = (int)stopped.R10;
        if ((CallNumber)stopped.OriginalRax is not (CallNumber.epoll_wait or CallNumber.epoll_pwait) || timeout <= 0) return resumed;
        return resumed with { R10 = (ulong)Math.Max(0, timeout - (long)Math.Max(0, waited.TotalMilliseconds)) };
    }

    /// <summary>
    /// The registers with which the thread goes on by itself in user mode: at the system call instruction (two bytes back) when its call is to be done
    /// again, unchanged otherwise. OriginalRax is -1: the kernel adds nothing.
    /// </summary>
    public static Registers Alone(in Registers resumed)
    {
        var alone = resumed with { OriginalRax = ulong.MaxValue };
        if (!resumed.IsInSystemCall) return alone;
        return (long)resumed.Rax switch
        {
            RestartSystem or RestartNoInterrupt or RestartNoHandler => alone with { Rax = resumed.OriginalRax, Rip = resumed.Rip - 2 },
            RestartBlock => alone with { Rax = (ulong)CallNumber.restart_syscall, Rip = resumed.Rip - 2 },
            _ => alone,
        };
    }
}
