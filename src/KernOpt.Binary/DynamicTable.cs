using System.Collections.Immutable;
using KernOpt.Target;

namespace KernOpt.Binary;

/// <summary>The dynamic section as the loader sees it: through PT_DYNAMIC, never through section headers. Of repeated tags the last counts.</summary>
internal sealed class DynamicTable
{
    public static readonly DynamicTable Empty = new();

    private readonly Dictionary<ulong, ulong> values = [];

    public ImmutableArray<string> Needed { get; private set; } = [];
    public string SoName { get; private set; } = "";
    public ByteView Strings { get; private set; }

    public bool HasTextRelocations =>
        values.ContainsKey(ElfFormat.DynamicTextRelocations) || (ValueOr(ElfFormat.DynamicFlags, 0) & ElfFormat.FlagTextRelocations) != 0;

    public bool TryGet(ulong tag, out ulong value) => values.TryGetValue(tag, out value);

    public ulong ValueOr(ulong tag, ulong otherwise) => values.GetValueOrDefault(tag, otherwise);

    public static DynamicTable Read(ElfImage image, Findings findings)
    {
        if (image.Segments.FirstOrDefault(s => s.Kind == SegmentKind.Dynamic) is not { } segment) return Empty;
        // A separate debug file keeps the program header but not the bytes.
        if (image.SectionNamed(".dynamic") is { Type: ElfFormat.SectionNoBits }) return Empty;
        var entries = image.ViewAt(segment.Range.Start, segment.FileBytes);
        var table = new DynamicTable();
        var needed = new List<ulong>();
        for (ulong at = 0; at + ElfFormat.DynamicEntrySize <= entries.Length; at += ElfFormat.DynamicEntrySize)
        {
            var tag = entries.UInt64(at);
            if (tag == 0) break;
            if (tag == ElfFormat.DynamicNeeded) needed.Add(entries.UInt64(at + 8));
            else table.values[tag] = entries.UInt64(at + 8);
        }
        table.ReadNames(image, needed, findings);
        return table;
    }

    private void ReadNames(ElfImage image, List<ulong> needed, Findings findings)
    {
        if (!TryGet(ElfFormat.DynamicStrings, out var start)) return;
        Strings = image.ViewAt(new FileAddress(start), ValueOr(ElfFormat.DynamicStringBytes, 0));
        if (Strings.Length == 0) findings.Add(Reasons.DynamicCorrupt, $"string table at 0x{start:x}");
        var names = new NameReader(Strings, findings);
        Needed = [.. needed.Select(names.At).Where(n => n.Length > 0)];
        if (TryGet(ElfFormat.DynamicSoName, out var name)) SoName = names.At(name);
    }
}
