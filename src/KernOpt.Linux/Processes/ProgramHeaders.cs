using System.Buffers.Binary;

namespace KernOpt.Linux.Processes;

/// <summary>One PT_LOAD segment of an ELF file (gABI, "Program Header"); sizes in bytes.</summary>
internal readonly record struct LoadSegment(uint Flags, ulong Offset, ulong Address, ulong FileSize, ulong MemorySize)
{
    public bool IsExecutable => (Flags & 1) != 0;
}

/// <summary>The few facts of an ELF file that say where it is loaded. The bytes may be hostile: every number is checked before it is used.</summary>
internal static class ProgramHeaders
{
    private const int HeaderSize = 64, EntrySize = 56, MostEntries = 256;

    public static bool IsNative64Bit(ReadOnlySpan<byte> header) =>
        header.Length >= 20 && header[..4].SequenceEqual("\u007fELF"u8) && header[4] == 2 && header[5] == 1
        && BinaryPrimitives.ReadUInt16LittleEndian(header[18..]) == 62;

    /// <summary>The load segments of a file that is read through <paramref name="read"/> (offset, buffer → bytes read); empty when it is no x86-64 ELF.</summary>
    public static IReadOnlyList<LoadSegment> Read(Func<ulong, byte[], long> read)
    {
        var header = new byte[HeaderSize];
        if (read(0, header) != header.Length || !IsNative64Bit(header)) return [];
        var offset = BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(32));
        int size = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(54)), count = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(56));
        if (size != EntrySize || count is 0 or > MostEntries || offset > long.MaxValue) return [];
        var table = new byte[count * EntrySize];
        if (read(offset, table) != table.Length) return [];
        var segments = new List<LoadSegment>();
        for (var at = 0; at < table.Length; at += EntrySize)
        {
            if (ParseLoad(table.AsSpan(at, EntrySize)) is { } segment) segments.Add(segment);
        }
        return segments;
    }

    /// <summary>The difference between where a page of the file is mapped and where the file says it belongs, or null when no segment holds that page.</summary>
    public static ulong? Bias(IReadOnlyList<LoadSegment> segments, ulong mappedAt, ulong fileOffset)
    {
        const ulong page = 4096;
        foreach (var segment in segments)
        {
            var first = segment.Offset & ~(page - 1);
            if (fileOffset < first || fileOffset >= segment.Offset + segment.FileSize) continue;
            return unchecked(mappedAt - (fileOffset - first) - (segment.Address & ~(page - 1)));
        }
        return null;
    }

    private static LoadSegment? ParseLoad(ReadOnlySpan<byte> entry)
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(entry) != 1) return null;
        var segment = new LoadSegment(BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]), BinaryPrimitives.ReadUInt64LittleEndian(entry[8..]),
            BinaryPrimitives.ReadUInt64LittleEndian(entry[16..]), BinaryPrimitives.ReadUInt64LittleEndian(entry[32..]), BinaryPrimitives.ReadUInt64LittleEndian(entry[40..]));
        var isSound = segment.Offset <= long.MaxValue && segment.FileSize <= segment.MemorySize && segment.MemorySize <= 1UL << 40
            && segment.Address <= 1UL << 47 && segment.Offset + segment.FileSize <= long.MaxValue;
        return isSound ? segment : null;
    }
}
