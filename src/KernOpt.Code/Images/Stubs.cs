using System.Buffers.Binary;
using KernOpt.Binary;

namespace KernOpt.Code.Images;

/// <summary>Unwind entries cover the linker's stubs too; those are no functions.</summary>
internal static class Stubs
{
    public static bool Holds(ElfImage image, ImportTable imports, FileAddress start)
    {
        if (image.Sections.FirstOrDefault(s => s.Range.Contains(start)) is { } section) return section.Name.StartsWith(".plt", StringComparison.Ordinal);
        return imports.TryGetStub(start, out _) || IsFirstStub(image, start);
    }

    /// <summary>The first stub of a lazily bound table: <c>push [rip+x]; [bnd] jmp [rip+y]</c>.</summary>
    private static bool IsFirstStub(ElfImage image, FileAddress start)
    {
        var code = image.BytesAt(start, 12).Span;
        if (code.Length < 12 || BinaryPrimitives.ReadUInt16LittleEndian(code) != 0x35ff) return false;
        return BinaryPrimitives.ReadUInt16LittleEndian(code[(code[6] == 0xf2 ? 7 : 6)..]) == 0x25ff;
    }
}
