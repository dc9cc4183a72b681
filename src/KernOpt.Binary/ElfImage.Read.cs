using System.Collections.Immutable;
using KernOpt.Target;

namespace KernOpt.Binary;

public sealed partial class ElfImage
{
    private const int LongestName = 4096;

    /// <summary>
    /// Reads a file. Refused only when it is not linked x86-64 ELF (KO1001–KO1003); everything else that is wrong becomes a finding.
    /// </summary>
    public static Outcome<ElfImage> Read(ReadOnlyMemory<byte> bytes)
    {
        var file = new ByteView(bytes);
        if (!file.TryUInt32(0, out var magic) || magic != 0x464c457f) return Reasons.NotElf.With("no ELF magic");
        if (file.Length < ElfFormat.HeaderSize) return Reasons.NotElf.With($"{file.Length} bytes are too few for a header");
        var ident = bytes.Span;
        if (ident[4] != ElfFormat.Class64) return Reasons.UnsupportedElf.With($"class {ident[4]}, not 64-bit");
        if (ident[5] != ElfFormat.LittleEndian) return Reasons.UnsupportedElf.With("not little-endian");
        file.TryUInt16(18, out var machine);
        if (machine != ElfFormat.MachineX64) return Reasons.UnsupportedElf.With($"machine {machine}, not x86-64");
        file.TryUInt16(16, out var type);
        if (type is not ((ushort)ElfType.FixedProgram or (ushort)ElfType.Shared)) return Reasons.NotLinked.With($"type {type}");
        return ReadTables(file, (ElfType)type);
    }

    private static ElfImage ReadTables(ByteView file, ElfType type)
    {
        var findings = new Findings();
        var bare = new ElfImage(file) { Segments = ReadSegments(file, findings), Sections = ReadSections(file, findings) };
        var dynamic = DynamicTable.Read(bare, findings);
        return new ElfImage(file)
        {
            Type = type,
            Entry = new FileAddress(file.UInt64(24)),
            Segments = bare.Segments,
            Sections = bare.Sections,
            Dynamic = dynamic,
            Needed = dynamic.Needed,
            SoName = dynamic.SoName,
            HasTextRelocations = dynamic.HasTextRelocations,
            BuildId = ReadBuildId(bare, findings),
            DebugLink = bare.SectionNamed(".gnu_debuglink") is { } link && bare.ViewOf(link).TryText(0, LongestName, out var name) ? name : "",
            Findings = findings.Close(),
        };
    }

    private static ImmutableArray<Segment> ReadSegments(ByteView file, Findings findings)
    {
        file.TryUInt16(54, out var size);
        file.TryUInt16(56, out var count);
        if (count == 0) return [];
        if (size != ElfFormat.ProgramHeaderSize)
        {
            findings.Add(Reasons.ProgramHeadersCorrupt, $"entries of {size} bytes");
            return [];
        }
        var table = file.Slice(file.UInt64(32), (ulong)count * size);
        if (table.Length < (ulong)count * size) findings.Add(Reasons.ProgramHeadersCorrupt, $"{count} entries do not fit in the file");

        var segments = ImmutableArray.CreateBuilder<Segment>();
        for (ulong at = 0; at + size <= table.Length; at += size)
        {
            var segment = new Segment((SegmentKind)table.UInt32(at), (SegmentAccess)table.UInt32(at + 4) & (SegmentAccess)7,
                table.UInt64(at + 8), table.UInt64(at + 32), new FileRange(new FileAddress(table.UInt64(at + 16)), table.UInt64(at + 40)));
            if (segment.Range.End < segment.Range.Start || segment.FileBytes > segment.Range.Length && segment.Kind == SegmentKind.Load)
            {
                findings.Add(Reasons.ProgramHeadersCorrupt, $"segment {at / size} has an impossible size");
                continue;
            }
            segments.Add(segment);
        }
        return segments.ToImmutable();
    }

    private static ImmutableArray<Section> ReadSections(ByteView file, Findings findings)
    {
        var start = file.UInt64(40);
        file.TryUInt16(58, out var size);
        file.TryUInt16(60, out var shortCount);
        file.TryUInt16(62, out var shortNames);
        if (start == 0) return [];
        if (size != ElfFormat.SectionHeaderSize || file.Slice(start, size).Length < size)
        {
            findings.Add(Reasons.SectionHeadersCorrupt, $"entries of {size} bytes at offset 0x{start:x}");
            return [];
        }
        // Counts that do not fit in the header are in section 0 (System V ABI, "ELF Header", e_shnum and e_shstrndx).
        var first = file.From(start);
        var count = shortCount != 0 ? shortCount : first.UInt64(32);
        var names = shortNames != 0xffff ? shortNames : first.UInt32(40);
        var table = count > file.Length / size ? file.From(start) : file.Slice(start, count * size);
        if (table.Length / size < count) findings.Add(Reasons.SectionHeadersCorrupt, $"{count:n0} entries do not fit in the file");

        var strings = names < table.Length / size ? file.Slice(table.UInt64(names * size + 24), table.UInt64(names * size + 32)) : default;
        var text = new NameReader(strings, findings);
        var sections = ImmutableArray.CreateBuilder<Section>();
        for (ulong at = 0; at + size <= table.Length; at += size) sections.Add(ReadSection(table.Slice(at, size), text));
        return sections.ToImmutable();
    }

    private static Section ReadSection(ByteView entry, NameReader names) => new(names.At(entry.UInt32(0)), entry.UInt32(4), entry.UInt64(24),
        new FileRange(new FileAddress(entry.UInt64(16)), entry.UInt64(32)), entry.UInt32(40), entry.UInt64(56)) { Flags = entry.UInt64(8) };

    /// <summary>From the note segments; from the note sections where a separate debug file's segments have no bytes.</summary>
    private static string ReadBuildId(ElfImage image, Findings findings)
    {
        if (image.SectionNamed(".note.gnu.build-id") is { } section && FindBuildId(image.ViewOf(section), 4, findings) is { Length: > 0 } id) return id;
        foreach (var segment in image.Segments.Where(s => s.Kind == SegmentKind.Note))
        {
            var notes = image.ViewAt(segment.Range.Start, segment.FileBytes);
            if (FindBuildId(notes, segment.Range.Length % 8 == 0 && segment.Range.Start.Value % 8 == 0 ? 8UL : 4UL, findings) is { Length: > 0 } found) return found;
            if (FindBuildId(notes, 4, findings) is { Length: > 0 } again) return again;
        }
        return "";
    }

    private static string FindBuildId(ByteView notes, ulong alignment, Findings findings)
    {
        for (ulong at = 0; at + 12 <= notes.Length;)
        {
            ulong nameBytes = notes.UInt32(at), valueBytes = notes.UInt32(at + 4), value = at + 12 + Align(nameBytes, 4);
            if (value > notes.Length || notes.Length - value < valueBytes)
            {
                findings.Add(Reasons.NoteCorrupt, $"note at +0x{at:x}");
                return "";
            }
            if (notes.UInt32(at + 8) == ElfFormat.NoteBuildId && nameBytes == 4 && notes.UInt32(at + 12) == 0x00554e47 && valueBytes is > 0 and <= 64)
            {
                return Convert.ToHexStringLower(notes.Slice(value, valueBytes).Bytes.Span);
            }
            at = Align(value + valueBytes, alignment);
        }
        return "";
    }

    private static ulong Align(ulong value, ulong alignment) => (value + alignment - 1) & ~(alignment - 1);
}
