using System.Collections.Immutable;

namespace KernOpt.Binary;

public enum ElfType
{
    /// <summary>ET_EXEC: file addresses are live addresses.</summary>
    FixedProgram = 2,
    /// <summary>ET_DYN: a library or a position-independent program.</summary>
    Shared = 3,
}

/// <summary>p_type; values that are not named here are kept.</summary>
public enum SegmentKind : uint
{
    Unused = 0,
    Load = 1,
    Dynamic = 2,
    Interpreter = 3,
    Note = 4,
    ThreadLocal = 7,
    UnwindHeader = 0x6474e550,
    ReadOnlyAfterRelocation = 0x6474e552,
}

[Flags]
public enum SegmentAccess : uint
{
    None = 0,
    Execute = 1,
    Write = 2,
    Read = 4,
}

/// <summary>A program header. FileOffset and FileBytes are what the file has of it; Range is what it has in memory.</summary>
public sealed record Segment(SegmentKind Kind, SegmentAccess Access, ulong FileOffset, ulong FileBytes, FileRange Range);

/// <summary>A section header. Type is sh_type, Flags sh_flags; Link and EntrySize as in the file.</summary>
public sealed record Section(string Name, uint Type, ulong FileOffset, FileRange Range, uint Link, ulong EntrySize)
{
    public ulong Flags { get; init; }
}

/// <summary>
/// A linked x86-64 ELF file: headers, dynamic section and notes. Symbols, relocations and unwind tables are read on demand by <see cref="SymbolTable"/>,
/// <see cref="ImportTable"/> and <see cref="EhFrame"/>. Nothing here throws on, or costs more than linear time and memory for, hostile bytes.
/// </summary>
public sealed partial class ElfImage
{
    private ElfImage(ByteView file) => File = file;

    internal ByteView File { get; }

    public ElfType Type { get; private init; }
    public FileAddress Entry { get; private init; }
    public ImmutableArray<Segment> Segments { get; private init; } = [];

    /// <summary>Empty when the file has none: nothing that is needed to run the program depends on them.</summary>
    public ImmutableArray<Section> Sections { get; private init; } = [];

    /// <summary>Lower-case hexadecimal, "" when the file has none.</summary>
    public string BuildId { get; private init; } = "";

    /// <summary>The names of DT_NEEDED in order.</summary>
    public ImmutableArray<string> Needed { get; private init; } = [];

    /// <summary>DT_SONAME, "" when the file has none.</summary>
    public string SoName { get; private init; } = "";

    /// <summary>The file name in .gnu_debuglink, "" when there is none.</summary>
    public string DebugLink { get; private init; } = "";

    /// <summary>The loader writes into segments that are not writable (DT_TEXTREL): none of them is constant.</summary>
    public bool HasTextRelocations { get; private init; }

    public ImmutableArray<Finding> Findings { get; private init; } = [];

    internal DynamicTable Dynamic { get; private init; } = DynamicTable.Empty;

    /// <summary>The loadable segment that holds the address.</summary>
    public Segment? LoadedAt(FileAddress at)
    {
        foreach (var segment in Segments)
        {
            if (segment.Kind == SegmentKind.Load && segment.Range.Contains(at)) return segment;
        }
        return null;
    }

    public Section? SectionNamed(string name) => Sections.FirstOrDefault(s => s.Name == name);

    public bool IsExecutable(FileAddress at) => LoadedAt(at) is { } segment && segment.Access.HasFlag(SegmentAccess.Execute);

    /// <summary>All of the range is in one loadable segment that is never writable, also not while the loader relocates.</summary>
    public bool IsNeverWritten(FileRange range)
    {
        if (HasTextRelocations || range.Length == 0 || LoadedAt(range.Start) is not { } segment) return false;
        if (segment.Access.HasFlag(SegmentAccess.Write) || range.Length > segment.Range.End - range.Start) return false;
        return !Segments.Any(s => s.Kind == SegmentKind.ReadOnlyAfterRelocation && s.Range.Start < range.End && range.Start < s.Range.End);
    }

    /// <summary>The file's bytes for at most <paramref name="length"/> bytes from an address; shorter where the file has no more.</summary>
    public ReadOnlyMemory<byte> BytesAt(FileAddress at, ulong length) => ViewAt(at, length).Bytes;

    internal ByteView ViewAt(FileAddress at, ulong length = ulong.MaxValue)
    {
        if (LoadedAt(at) is not { } segment) return default;
        var within = at - segment.Range.Start;
        if (within >= segment.FileBytes) return default;
        var offset = unchecked(segment.FileOffset + within);
        return File.Slice(offset, Math.Min(length, segment.FileBytes - within));
    }

    /// <summary>The bytes of a section; empty for one that takes no room in the file (as most have in a separate debug file).</summary>
    internal ByteView ViewOf(Section section) =>
        section.Type == ElfFormat.SectionNoBits ? default : File.Slice(section.FileOffset, section.Range.Length);
}
