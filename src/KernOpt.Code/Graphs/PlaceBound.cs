using System.Buffers.Binary;
using System.Collections.Frozen;
using Iced.Intel;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>
/// Code about which somebody else decides by where the instruction pointer is, so that a moved copy means something else. A restartable sequence (rseq(2)) names its
/// own start; the kernel sends a thread that is moved to another processor inside it to the abort handler, and leaves a copy alone, which then corrupts what
/// is the processor's own.
/// <code>
///     lea rax, [rip+descriptor]      ; version, flags, start, length, abort
///     mov fs:[rseq+8], rax
/// start:
///     …
/// </code>
/// Also the code that ends signal handlers, and system calls that are points of cancellation, where the C library's signal handler compares with the bounds of the one function that makes them (glibc 2.41, musl).
/// </summary>
internal static class PlaceBound
{
    private const ulong LongestSequence = 4096;

    private static readonly FrozenSet<string> Cancellable = FrozenSet.ToFrozenSet(["__syscall_cancel_arch", "__syscall_cp_asm"]);

    public static bool Is(FunctionGraph graph, ICodeSource source) =>
        graph.Function.Names.Any(Cancellable.Contains) || IsSignalReturn(graph) || NamesSequence(graph, source);

    private static bool NamesSequence(FunctionGraph graph, ICodeSource source)
    {
        foreach (var block in graph.Blocks)
        {
            foreach (ref readonly var instruction in block.Instructions.AsSpan())
            {
                if (instruction.Mnemonic == Mnemonic.Lea && NamesSequence(instruction, graph, source)) return true;
            }
        }
        return false;
    }

    /// <summary>Unwinders know the frame of a signal by the bytes of the code that ends it (mov rax, 15; syscall), where nothing describes it.</summary>
    private static bool IsSignalReturn(FunctionGraph graph) =>
        graph.Entry.Instructions is [var number, var call, ..] && number.Mnemonic == Mnemonic.Mov && number.Op0Register is Register.RAX or Register.EAX
        && number.Op1Kind is OpKind.Immediate32 or OpKind.Immediate32to64 && number.GetImmediate(1) == 15 && call.Mnemonic == Mnemonic.Syscall;

    /// <summary>struct rseq_cs: version (0), flags, start_ip, post_commit_offset, abort_ip; 32 bytes, aligned to 32.</summary>
    private static bool NamesSequence(in Instruction instruction, FunctionGraph graph, ICodeSource source)
    {
        if (!instruction.IsIPRelativeMemoryOperand || instruction.IPRelativeMemoryAddress % 32 != 0) return false;
        Span<byte> descriptor = stackalloc byte[32];
        if (source.Read(new Address(instruction.IPRelativeMemoryAddress), descriptor) != descriptor.Length) return false;
        if (BinaryPrimitives.ReadUInt32LittleEndian(descriptor) != 0) return false;
        var start = new Address(BinaryPrimitives.ReadUInt64LittleEndian(descriptor[8..]));
        var length = BinaryPrimitives.ReadUInt64LittleEndian(descriptor[16..]);
        return length is > 0 and <= LongestSequence && graph.Blocks.Any(b => start >= b.Start && start < b.Close);
    }
}
