using System.Buffers.Binary;
using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Linux.Sampling;

/// <summary>Counters of the processor (perf_event_open(2), PERF_TYPE_HARDWARE), by the names that perf gives them.</summary>
internal static class HardwareCounter
{
    private const int AttributeSize = 112;   // PERF_ATTR_SIZE_VER5

    /// <summary>Their place is their number (enum perf_hw_id).</summary>
    private static readonly string[] Names =
        ["cycles", "instructions", "cache-references", "cache-misses", "branches", "branch-misses", "bus-cycles", "stalled-cycles-frontend", "stalled-cycles-backend", "ref-cycles"];

    /// <summary>Asks the kernel for it, for this thread. Answers 5508 with what the kernel said, or 5509 where it would count.</summary>
    public static unsafe Refusal WhyNot(int thread, string name)
    {
        const ulong disabled = 1, excludeKernel = 1 << 5, excludeHypervisor = 1 << 6;
        const int closeOnExec = 8;
        var number = Array.IndexOf(Names, name);
        if (number < 0) return Reasons.NoHardwareCounter.With($"'{name}' is none of {string.Join(", ", Names)}");
        var attributes = stackalloc byte[AttributeSize];
        var fields = new Span<byte>(attributes, AttributeSize);
        fields.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(fields[4..], AttributeSize);
        BinaryPrimitives.WriteUInt64LittleEndian(fields[8..], (ulong)number);
        BinaryPrimitives.WriteUInt64LittleEndian(fields[40..], disabled | excludeKernel | excludeHypervisor);
        var descriptor = SystemCall.Invoke(CallNumber.perf_event_open, (long)attributes, thread, -1, -1, closeOnExec);
        if (descriptor < 0) return Reasons.NoHardwareCounter.With($"{name}: {Errno.Describe(descriptor)}");
        SystemCall.Close((int)descriptor);
        return Reasons.HardwareNotCounted.With(name);
    }
}
