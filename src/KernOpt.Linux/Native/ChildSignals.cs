using System.Buffers.Binary;

namespace KernOpt.Linux.Native;

/// <summary>
/// The run-time answers SIGCHLD by waiting for its own children, which takes reports of ptrace stops of those away from the tracer (see <see cref="TraceableChild"/>).
/// With SA_NOCLDSTOP (sigaction(2)) stops raise no SIGCHLD. Targets that tracing code starts must be <see cref="TraceableChild"/>ren all the same:
/// the exit of another child raises it too.
/// </summary>
internal static class ChildSignals
{
    private const int ChildSignal = 17, ActionSize = 32, FlagsOffset = 8, MaskSize = 8;   // struct kernel_sigaction: handler, flags, restorer, mask
    private const ulong NoStops = 1;

    /// <summary>Keeps the handler that is there. Called before each hold, since the run-time installs its handler when it first needs it.</summary>
    public static unsafe void SilenceStops()
    {
        Span<byte> action = stackalloc byte[ActionSize];
        fixed (byte* bytes = action)
        {
            if (SystemCall.Invoke(CallNumber.rt_sigaction, ChildSignal, 0, (long)bytes, MaskSize) < 0) return;
            var flags = BinaryPrimitives.ReadUInt64LittleEndian(action[FlagsOffset..]);
            if (BinaryPrimitives.ReadUInt64LittleEndian(action) <= 1 || (flags & NoStops) != 0) return;   // SIG_DFL and SIG_IGN run no code
            BinaryPrimitives.WriteUInt64LittleEndian(action[FlagsOffset..], flags | NoStops);
            SystemCall.Invoke(CallNumber.rt_sigaction, ChildSignal, (long)bytes, 0, MaskSize);
        }
    }
}
