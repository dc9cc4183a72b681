using System.Buffers.Binary;
using KernOpt.Binary;

namespace KernOpt.Code.Images;

/// <summary>Unwind entries cover the linker's stubs too; those are no functions.</summary>
internal static class Stubs
{
    private const int LongestStub = 16;

    public static bool Holds(ElfImage image, ImportTable imports, FileRange range)
    {
        if (image.Sections.FirstOrDefault(s => s.Range.Contains(range.Start)) is { } section) return section.Name.StartsWith(".plt", StringComparison.Ordinal);
        // A real function that is nothing but such a jump is shorter than a stub with its padding.
        var code = image.BytesAt(range.Start, Math.Min(range.Length, LongestStub)).Span;
        return imports.TryGetStub(range.Start, out _) || IsFirstStub(code) || IsPaddedStub(code);
    }

    /// <summary>The first stub of a lazily bound table: <c>push [rip+x]; [bnd] jmp [rip+y]</c>.</summary>
    private static bool IsFirstStub(ReadOnlySpan<byte> code) => code.Length == LongestStub
        && BinaryPrimitives.ReadUInt16LittleEndian(code) == 0x35ff
        && BinaryPrimitives.ReadUInt16LittleEndian(code[(code[6] == 0xf2 ? 7 : 6)..]) == 0x25ff;

    /// <summary>
    /// <c>[endbr64] [bnd] jmp [rip+x]; nop</c>: the linker's, also where nothing is bound to the word. A compiler's padding lies outside of the entry's range.
    /// </summary>
    private static bool IsPaddedStub(ReadOnlySpan<byte> code)
    {
        if (code.Length < 8) return false;
        var at = BinaryPrimitives.ReadUInt32LittleEndian(code) == 0xfa1e0ff3 ? 4 : 0;
        if (code[at] == 0xf2) at++;
        if (code.Length < at + 8 || BinaryPrimitives.ReadUInt16LittleEndian(code[at..]) != 0x25ff) return false;
        return BinaryPrimitives.ReadUInt16LittleEndian(code[(at + 6)..]) is 0x9066 or 0x1f0f;
    }
}
