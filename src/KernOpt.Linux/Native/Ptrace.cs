namespace KernOpt.Linux.Native;

/// <summary>
/// ptrace(2), request by request. Every member answers 0 (or a value) or the negated error. "Only the tracing thread may call":
/// all calls for one tracee must run on one thread, see <see cref="TracerThread"/>.
/// </summary>
public static unsafe class Ptrace
{
    /// <summary>System-call stops are told from traps by bit 7 of the signal.</summary>
    public const long OptionSystemCallGood = 1;
    public const long OptionTraceFork = 2;
    public const long OptionTraceVfork = 4;
    public const long OptionTraceClone = 8;
    public const long OptionTraceExec = 16;
    public const long OptionTraceExit = 64;
    /// <summary>The tracee dies with its tracer. For sandboxes; never for a target.</summary>
    public const long OptionExitKill = 1 << 20;

    /// <summary>NT_X86_XSTATE: x87, SSE, AVX … in the layout of XSAVE.</summary>
    private const long ExtendedStateNote = 0x202;

    public static long Seize(int thread, long options) => Call(0x4206, thread, 0, options);

    public static long Interrupt(int thread) => Call(0x4207, thread, 0, 0);

    /// <summary>Leaves a thread in its group-stop without letting it run.</summary>
    public static long Listen(int thread) => Call(0x4208, thread, 0, 0);

    /// <summary>Lets it run; a signal other than 0 is delivered when it was stopped for signal delivery.</summary>
    public static long Continue(int thread, int signal = 0) => Call(7, thread, 0, signal);

    public static long SingleStep(int thread, int signal = 0) => Call(9, thread, 0, signal);

    public static long Detach(int thread, int signal = 0) => Call(17, thread, 0, signal);

    /// <summary>Lets it run to the next entry to or exit from a system call.</summary>
    public static long ContinueToSystemCall(int thread, int signal = 0) => Call(24, thread, 0, signal);

    /// <summary>Lets it run to the next entry to a system call, which is then not carried out.</summary>
    public static long EmulateSystemCalls(int thread, int signal = 0) => Call(31, thread, 0, signal);

    /// <summary>Like <see cref="EmulateSystemCalls"/>, and stops after one instruction.</summary>
    public static long EmulateSystemCallsStep(int thread, int signal = 0) => Call(32, thread, 0, signal);

    /// <summary>Whether the program has its own system calls handed to itself (Documentation/admin-guide/syscall-user-dispatch.rst). Kernels before 6.4 do not tell.</summary>
    public static bool DispatchesSystemCalls(int thread)
    {
        var configuration = stackalloc ulong[4];   // struct ptrace_sud_config: mode, selector, offset, len
        return Call(0x4211, thread, 4 * sizeof(ulong), (long)configuration) == 0 && configuration[0] != 0;
    }

    public static long GetEventMessage(int thread, out ulong message)
    {
        ulong value = 0;
        var result = Call(0x4201, thread, 0, (long)&value);
        message = value;
        return result;
    }

    /// <summary>The siginfo_t of the signal that stopped the thread. EINVAL tells a group-stop.</summary>
    public static long GetSignalInfo(int thread, Span<byte> into)
    {
        if (into.Length < SignalInfoSize) return -Errno.Invalid;
        // The kernel writes sizeof(siginfo_t) = 128 bytes, no more than the span was checked to hold.
        fixed (byte* bytes = into) return Call(0x4202, thread, 0, (long)bytes);
    }

    /// <summary>sizeof(siginfo_t), in bytes.</summary>
    public const int SignalInfoSize = 128;

    public static long GetRegisters(int thread, out Registers registers)
    {
        Registers value = default;
        // The kernel writes sizeof(struct user_regs_struct) bytes, which is the size of Registers.
        var result = Call(12, thread, 0, (long)&value);
        registers = value;
        return result;
    }

    public static long SetRegisters(int thread, in Registers registers)
    {
        var value = registers;
        return Call(13, thread, 0, (long)&value);
    }

    /// <summary>The extended state in the processor's XSAVE layout: bytes written, or the negated error. 4,096 bytes hold AVX-512; 12,288 also AMX.</summary>
    public static long GetExtendedState(int thread, Span<byte> into) => ExtendedState(0x4204, thread, into);

    /// <summary>Sets what <see cref="GetExtendedState"/> gave; the length must be the one it answered.</summary>
    public static long SetExtendedState(int thread, Span<byte> state) => ExtendedState(0x4205, thread, state);

    private static long ExtendedState(long request, int thread, Span<byte> state)
    {
        // struct iovec { base, length } over the pinned span; the kernel writes at most length bytes and corrects length.
        fixed (byte* bytes = state)
        {
            var vector = stackalloc ulong[2] { (ulong)bytes, (ulong)state.Length };
            var result = Call(request, thread, ExtendedStateNote, (long)vector);
            return result < 0 ? result : (long)vector[1];
        }
    }

    private static long Call(long request, int thread, long address, long data)
        => SystemCall.Invoke(CallNumber.ptrace, request, thread, address, data);
}
