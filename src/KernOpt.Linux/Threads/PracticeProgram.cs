using System.Buffers.Binary;

namespace KernOpt.Linux.Threads;

/// <summary>A static ELF program (System V gABI, chapters 4 and 5) of a few bytes: it asks to be ended in two seconds, alarm(2), and runs in a circle until then.</summary>
internal static class PracticeProgram
{
    private const int HeaderSize = 64, SegmentSize = 56;
    private const ulong LoadedAt = 0x400000;

    private static ReadOnlySpan<byte> Code =>
    [
        0xbf, 2, 0, 0, 0,       // mov edi, 2
        0xb8, 37, 0, 0, 0,      // mov eax, 37 (alarm)
        0x0f, 0x05,             // syscall
        0xf3, 0x90,             // pause
        0xeb, 0xfc,             // jmp back to it
    ];

    public static byte[] Build()
    {
        var image = new byte[HeaderSize + SegmentSize + Code.Length];
        ReadOnlySpan<byte> identity = [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        identity.CopyTo(image);
        var header = image.AsSpan(0, HeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(header[16..], 2);    // ET_EXEC
        BinaryPrimitives.WriteUInt16LittleEndian(header[18..], 62);   // EM_X86_64
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], LoadedAt + HeaderSize + SegmentSize);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], HeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(header[52..], HeaderSize);
        BinaryPrimitives.WriteUInt16LittleEndian(header[54..], SegmentSize);
        BinaryPrimitives.WriteUInt16LittleEndian(header[56..], 1);
        var segment = image.AsSpan(HeaderSize, SegmentSize);
        BinaryPrimitives.WriteUInt32LittleEndian(segment, 1);         // PT_LOAD
        BinaryPrimitives.WriteUInt32LittleEndian(segment[4..], 5);    // read, execute
        BinaryPrimitives.WriteUInt64LittleEndian(segment[16..], LoadedAt);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[32..], (ulong)image.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[40..], (ulong)image.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[48..], 4096);
        Code.CopyTo(image.AsSpan(HeaderSize + SegmentSize));
        return image;
    }
}
