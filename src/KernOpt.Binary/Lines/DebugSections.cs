using System.IO.Compression;

namespace KernOpt.Binary.Lines;

/// <summary>The sections of debug information, unpacked where they are packed (SHF_COMPRESSED; gABI, "Section Compression").</summary>
internal static class DebugSections
{
    private const int Largest = 1 << 30;

    /// <summary>A deflated byte gives no more than about so many (RFC 1951: 258 bytes for two codes of a bit).</summary>
    private const ulong MostOfOne = 1100;

    /// <summary>Empty where there is no such section, or it is packed by another method or into something that it is not.</summary>
    public static ByteView Read(ElfImage image, string name)
    {
        if (image.SectionNamed(name) is not { } section) return default;
        var view = image.ViewOf(section);
        if ((section.Flags & ElfFormat.SectionCompressed) == 0) return view;
        var length = view.UInt64(8);
        if (view.UInt32(0) != ElfFormat.CompressedByZlib || length > Largest || length > view.Length * MostOfOne) return default;
        try
        {
            var bytes = new byte[length];
            using var unpacked = new ZLibStream(new MemoryStream(view.From(ElfFormat.CompressionHeaderSize).Bytes.ToArray()), CompressionMode.Decompress);
            return new ByteView(bytes.AsMemory(0, unpacked.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)));
        }
        catch (InvalidDataException)
        {
            return default;
        }
    }
}
