using System.Buffers.Binary;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Validate.Sandboxing;

/// <summary>
/// The program that a sandbox starts as: a static ELF executable (System V gABI, chapters 4 and 5) of one page, made here. It asks to die with the
/// thread that started it, waits ten seconds to be seized and ends by itself if it is not: when its starter is gone before it could ask, that limit is all.
/// </summary>
internal static class SandboxProgram
{
    private const int HeaderBytes = 64;
    private const int SegmentBytes = 56;
    private const int CodeOffset = HeaderBytes + (2 * SegmentBytes);

    /// <summary>Where, from the program's start, lie "syscall; int3" for calls that we make in the sandbox, and a zeroed word.</summary>
    public const ulong CallOffset = 0x800;
    public const ulong ZeroOffset = 0x900;

    /// <summary>Where a struct itimerval lies: first and every further tick.</summary>
    public const ulong TimerOffset = 0xa00;
    /// <summary>Where the name lies that ps shows, at most 15 bytes.</summary>
    public const ulong NameOffset = 0xb00;
    public const string Name = "kernopt-sandbox";
    private const int TimeOffset = 0xc00;

    public static byte[] Build(ulong at, int tickMilliseconds)
    {
        var image = new byte[SandboxLayout.PageSize];
        WriteHeader(image, at);
        WriteSegment(image.AsSpan(HeaderBytes), type: 1, flags: 5, at, (ulong)image.Length);
        WriteSegment(image.AsSpan(HeaderBytes + SegmentBytes), type: 0x6474e551, flags: 6, 0, 0);   // PT_GNU_STACK: no executable stack
        WriteCode(image, at);
        ReadOnlySpan<byte> call = [0x0f, 0x05, 0xcc];
        call.CopyTo(image.AsSpan((int)CallOffset));
        System.Text.Encoding.ASCII.GetBytes(Name, image.AsSpan((int)NameOffset));
        BinaryPrimitives.WriteInt64LittleEndian(image.AsSpan(TimeOffset), 10);   // struct timespec { 10 s, 0 }
        BinaryPrimitives.WriteInt64LittleEndian(image.AsSpan((int)TimerOffset + 8), tickMilliseconds * 1000L);
        BinaryPrimitives.WriteInt64LittleEndian(image.AsSpan((int)TimerOffset + 24), tickMilliseconds * 1000L);
        return image;
    }

    private static void WriteHeader(Span<byte> header, ulong at)
    {
        ReadOnlySpan<byte> identity = [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        identity.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header[16..], 2);    // ET_EXEC
        BinaryPrimitives.WriteUInt16LittleEndian(header[18..], 62);   // EM_X86_64
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], at + CodeOffset);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], HeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[52..], HeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[54..], SegmentBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[56..], 2);
    }

    private static void WriteSegment(Span<byte> segment, uint type, uint flags, ulong at, ulong length)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(segment, type);
        BinaryPrimitives.WriteUInt32LittleEndian(segment[4..], flags);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[16..], at);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[24..], at);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[32..], length);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[40..], length);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[48..], SandboxLayout.PageSize);
    }

    private static void WriteCode(byte[] image, ulong at)
    {
        const int prctl = 157, setParentDeathSignal = 1, kill = 9, nanosleep = 35, exitGroup = 231;
        var code = new Assembler(64);
        code.mov(edi, setParentDeathSignal);
        code.mov(esi, kill);
        code.mov(eax, prctl);
        code.syscall();
        code.mov(rdi, at + TimeOffset);
        code.xor(esi, esi);
        code.mov(eax, nanosleep);
        code.syscall();
        code.xor(edi, edi);
        code.mov(eax, exitGroup);
        code.syscall();
        using var stream = new MemoryStream(image, CodeOffset, (int)CallOffset - CodeOffset);
        code.Assemble(new StreamCodeWriter(stream), at + CodeOffset);
    }
}
