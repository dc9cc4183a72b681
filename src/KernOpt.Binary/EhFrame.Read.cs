using System.Collections.Immutable;
using KernOpt.Target;

namespace KernOpt.Binary;

public sealed partial record EhFrame
{
    /// <summary>
    /// Reads .eh_frame where a section header tells its bounds; else every entry that the sorted table behind PT_GNU_EH_FRAME lists; else from where that
    /// header points, in order, up to the terminator. LSB Core, "Exception Frames" and "The .eh_frame_hdr section".
    /// </summary>
    public static EhFrame Read(ElfImage image)
    {
        var findings = new Findings();
        var entries = ReadEntries(image, findings);
        entries.Sort((a, b) => a.Range.Start.CompareTo(b.Range.Start));
        var result = ImmutableArray.CreateBuilder<FrameEntry>(entries.Count);
        foreach (var entry in entries)
        {
            if (result.Count > 0 && result[^1].Range.End > entry.Range.Start) findings.Add(Reasons.UnwindEntriesOverlap, $"{result[^1].Range} and {entry.Range}");
            else result.Add(entry);
        }
        return new EhFrame(result.ToImmutable(), findings.Close());
    }

    private static List<FrameEntry> ReadEntries(ElfImage image, Findings findings)
    {
        if (image.SectionNamed(".eh_frame") is { } section && image.ViewOf(section) is { Length: > 0 } view)
        {
            return new EhFrameReader(view, section.Range.Start, findings).ReadInOrder(goPastTerminators: true);
        }
        if (UnwindHeader.Read(image, findings) is not { } header)
        {
            findings.Add(Reasons.UnwindTableMissing, "neither a section .eh_frame nor PT_GNU_EH_FRAME");
            return [];
        }
        var reader = new EhFrameReader(image.ViewAt(header.FrameStart), header.FrameStart, findings);
        return header.Entries.IsEmpty ? reader.ReadInOrder(goPastTerminators: false) : reader.ReadAt(header.Entries);
    }
}

/// <summary>.eh_frame_hdr: where .eh_frame starts and where the entries of the functions are.</summary>
internal sealed record UnwindHeader(FileAddress FrameStart, ImmutableArray<FileAddress> Entries)
{
    public static UnwindHeader? Read(ElfImage image, Findings findings)
    {
        if (image.Segments.FirstOrDefault(s => s.Kind == SegmentKind.UnwindHeader) is not { } segment) return null;
        var start = segment.Range.Start;
        var view = image.ViewAt(start, segment.FileBytes);
        ulong at = 4;
        if (!view.TryUInt32(0, out var word) || (word & 0xff) != 1
            || !PointerReader.TryRead(view, ref at, (byte)(word >> 8), start, start, out var frame) || frame is not { IsIndirect: false })
        {
            findings.Add(Reasons.UnwindHeaderCorrupt, $"header word 0x{word:x} at {start}");
            return null;
        }
        return new UnwindHeader(frame.Value.Address, ReadEntries(view, at, (byte)(word >> 16), (byte)(word >> 24), start, findings));
    }

    private static ImmutableArray<FileAddress> ReadEntries(ByteView view, ulong at, byte countEncoding, byte encoding, FileAddress start, Findings findings)
    {
        if (countEncoding == PointerReader.Omitted || encoding == PointerReader.Omitted) return [];
        var entries = ImmutableArray.CreateBuilder<FileAddress>();
        if (!PointerReader.TryReadValue(view, ref at, countEncoding, out var count)) count = 0;
        for (ulong i = 0; i < count; i++)
        {
            if (!PointerReader.TryRead(view, ref at, encoding, start, start, out _)
                || !PointerReader.TryRead(view, ref at, encoding, start, start, out var entry))
            {
                findings.Add(Reasons.UnwindHeaderCorrupt, $"only {i:n0} of {count:n0} entries can be read");
                break;
            }
            if (entry is { IsIndirect: false } pointer) entries.Add(pointer.Address);
        }
        return entries.ToImmutable();
    }
}
