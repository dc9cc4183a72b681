using System.Buffers.Binary;
using KernOpt.Linux.Memory;
using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Linux.Threads;

/// <summary>
/// Restartable sequences (rseq(2)): a thread that is moved inside one must be restarted by the kernel, which decides by the instruction pointer.
/// While a thread is in one, it may therefore be looked at, but not be sent elsewhere.
/// </summary>
internal static class RestartableSequence
{
    /// <summary>Whether the thread, in a ptrace stop, is inside such a sequence.</summary>
    public static unsafe bool Contains(TargetMemory memory, int thread, ulong instructionPointer)
    {
        const long getConfiguration = 0x420f;
        Span<byte> configuration = stackalloc byte[24];   // struct ptrace_rseq_configuration: pointer, size, signature, flags, pad
        fixed (byte* into = configuration)
        {
            if (SystemCall.Invoke(CallNumber.ptrace, getConfiguration, thread, configuration.Length, (long)into) < 0) return false;
        }
        var area = BinaryPrimitives.ReadUInt64LittleEndian(configuration);
        Span<byte> sequence = stackalloc byte[32];        // struct rseq_cs: version, flags, start_ip, post_commit_offset, abort_ip
        if (area == 0 || memory.Read(new Address(area + 8), sequence[..8]) != 8) return false;
        var pointer = BinaryPrimitives.ReadUInt64LittleEndian(sequence);
        if (pointer == 0 || memory.Read(new Address(pointer), sequence) != sequence.Length) return false;
        var start = BinaryPrimitives.ReadUInt64LittleEndian(sequence[8..]);
        return instructionPointer - start < BinaryPrimitives.ReadUInt64LittleEndian(sequence[16..]);
    }
}
