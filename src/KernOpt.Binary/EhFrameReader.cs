using KernOpt.Target;

namespace KernOpt.Binary;

/// <summary>Reads the entries of one .eh_frame, whose first byte is at address <paramref name="start"/>.</summary>
internal sealed class EhFrameReader(ByteView frame, FileAddress start, Findings findings)
{
    private const int LongestAugmentation = 16;
    private const ulong LargestFunction = 1UL << 31;

    private readonly Dictionary<ulong, CommonEntry?> commons = [];
    private long budget = checked(64L * frame.Bytes.Length + (1 << 20));

    private enum RecordKind
    {
        Terminator,
        Common,
        Function,
        Broken,
    }

    /// <summary>Every entry, in the file's order.</summary>
    public List<FrameEntry> ReadInOrder(bool goPastTerminators)
    {
        var entries = new List<FrameEntry>();
        for (ulong at = 0; at + 4 <= frame.Length;)
        {
            var kind = FindRecord(at, out var content, out var next);
            if (kind == RecordKind.Broken || kind == RecordKind.Terminator && !goPastTerminators) break;
            if (kind == RecordKind.Function && ReadFunction(content) is { } entry) entries.Add(entry);
            at = next;
        }
        return entries;
    }

    /// <summary>The entries at these addresses, each once.</summary>
    public List<FrameEntry> ReadAt(IReadOnlyList<FileAddress> addresses)
    {
        var entries = new List<FrameEntry>();
        var seen = new HashSet<FileAddress>();
        foreach (var address in addresses)
        {
            if (!seen.Add(address)) continue;
            if (FindRecord(address - start, out var content, out _) != RecordKind.Function)
            {
                findings.Add(Reasons.UnwindEntryCorrupt, $"no function's entry at {address}");
            }
            else if (ReadFunction(content) is { } entry)
            {
                entries.Add(entry);
            }
        }
        return entries;
    }

    /// <summary>
    /// The record at an offset: a length (4 bytes, or 0xffffffff and 8), then the 4-byte identifier: 0 for a CIE, else the distance from that field back to the
    /// CIE. Content starts at the identifier.
    /// </summary>
    private RecordKind FindRecord(ulong at, out Record content, out ulong next)
    {
        content = default;
        next = at + 4;
        if (!frame.TryUInt32(at, out var shortLength)) return Broken(at);
        if (shortLength == 0) return RecordKind.Terminator;
        ulong length = shortLength, identifierAt = at + 4;
        if (shortLength == uint.MaxValue)
        {
            if (!frame.TryUInt64(at + 4, out length)) return Broken(at);
            identifierAt = at + 12;
        }
        if (length < 4 || length > frame.Length - Math.Min(identifierAt, frame.Length)) return Broken(at);
        next = identifierAt + length;
        var identifier = frame.UInt32(identifierAt);
        content = new Record(at, identifierAt, identifier, frame.Slice(identifierAt, length));
        return identifier == 0 ? RecordKind.Common : RecordKind.Function;
    }

    private RecordKind Broken(ulong at)
    {
        findings.Add(Reasons.UnwindEntryCorrupt, $"the length of the entry at +0x{at:x} leads out of the section");
        return RecordKind.Broken;
    }

    private FrameEntry? ReadFunction(Record record)
    {
        if (record.Identifier > record.IdentifierAt || CommonAt(record.IdentifierAt - record.Identifier) is not { } common)
        {
            return Corrupt(record, "has no usable CIE");
        }
        var (view, viewStart) = (record.View, start + record.IdentifierAt);
        ulong at = 4;
        if (!PointerReader.TryRead(view, ref at, common.PointerEncoding, viewStart, default, out var pointer)
            || pointer is not { IsIndirect: false } code || !PointerReader.TryReadValue(view, ref at, common.PointerEncoding, out var length))
        {
            return Corrupt(record, "has no code address");
        }
        if (length is 0 or > LargestFunction || code.Address + length < code.Address) return Corrupt(record, $"covers {length:n0} bytes from {code.Address}");

        EncodedPointer? lsda = null;
        if (common.Augmentation.StartsWith('z'))
        {
            if (!Leb.TryUnsigned(view, ref at, out var bytes) || bytes > view.Length - at) return Corrupt(record, "has truncated augmentation data");
            var end = at + bytes;
            if (!PointerReader.TryRead(view.Slice(0, end), ref at, common.LsdaEncoding, viewStart, default, out lsda)) return Corrupt(record, "has a bad LSDA pointer");
            at = end;
        }
        var entry = new FrameEntry(new FileRange(code.Address, length), common, lsda?.Address) { Instructions = view.From(at), RulesStart = viewStart + at };
        return entry with { FirstRow = FirstRowOf(entry) };
    }

    private FrameEntry? Corrupt(Record record, string what)
    {
        findings.Add(Reasons.UnwindEntryCorrupt, $"the entry at +0x{record.At:x} {what}");
        return null;
    }

    private UnwindRow? FirstRowOf(FrameEntry entry)
    {
        if (entry.Common.InitialRow is not { } initial) return null;
        var program = new UnwindProgram(entry.Instructions, entry.Common, entry.Range.Start, entry.RulesStart);
        program.StartFrom(initial);
        var row = program.NextRow(ref budget);
        if (row is null) findings.Add(Reasons.UnwindRulesCorrupt, $"the rules of {entry.Range}");
        return row;
    }

    private CommonEntry? CommonAt(ulong at)
    {
        if (commons.TryGetValue(at, out var known)) return known;
        var common = FindRecord(at, out var record, out _) == RecordKind.Common ? ReadCommon(record) : null;
        commons.Add(at, common);
        return common;
    }

    private CommonEntry? ReadCommon(Record record)
    {
        var view = record.View;
        if (!view.TryByte(4, out var version) || version is not (1 or 3 or 4) || !view.TryText(5, LongestAugmentation, out var augmentation))
        {
            return Unknown(record, $"CIE version {version}");
        }
        var at = 5 + (ulong)augmentation.Length + 1;
        if (version == 4) at += 2;
        if (!Leb.TryUnsigned(view, ref at, out var codeAlignment) || !Leb.TrySigned(view, ref at, out var dataAlignment)) return Unknown(record, "truncated");
        ulong returnRegister;
        if (version == 1)
        {
            view.TryByte(at++, out var register);
            returnRegister = register;
        }
        else if (!Leb.TryUnsigned(view, ref at, out returnRegister))
        {
            return Unknown(record, "truncated");
        }
        var common = new CommonEntry(record.At, augmentation, codeAlignment, dataAlignment, returnRegister);
        return ReadAugmentation(record, common, ref at) is { } complete ? WithInitialRow(complete, record, at) : null;
    }

    /// <summary>'z': sized data follow; 'R' encoding of code addresses, 'P' personality, 'L' encoding of LSDA pointers, 'S' signal frame.</summary>
    private CommonEntry? ReadAugmentation(Record record, CommonEntry common, ref ulong at)
    {
        if (common.Augmentation.Length == 0) return common;
        var view = record.View;
        if (common.Augmentation[0] != 'z' || !Leb.TryUnsigned(view, ref at, out var bytes) || bytes > view.Length - Math.Min(at, view.Length))
        {
            return Unknown(record, $"augmentation \"{common.Augmentation}\"");
        }
        var end = at + bytes;
        var data = view.Slice(0, end);
        foreach (var letter in common.Augmentation.AsSpan(1))
        {
            byte encoding = 0;
            if (letter is 'R' or 'P' or 'L' && (!data.TryByte(at++, out encoding) || !PointerReader.IsKnown(encoding))) return Unknown(record, $"encoding 0x{encoding:x}");
            switch (letter)
            {
                case 'R':
                    common = common with { PointerEncoding = encoding };
                    break;
                case 'L':
                    common = common with { LsdaEncoding = encoding };
                    break;
                case 'S':
                    common = common with { IsSignalFrame = true };
                    break;
                case 'P' when PointerReader.TryRead(data, ref at, encoding, start + record.IdentifierAt, default, out var personality):
                    common = common with { Personality = personality };
                    break;
                default: return Unknown(record, $"augmentation \"{common.Augmentation}\"");
            }
        }
        at = end;
        return common;
    }

    private CommonEntry WithInitialRow(CommonEntry common, Record record, ulong at)
    {
        common = common with { Instructions = record.View.From(at) };
        var program = new UnwindProgram(common.Instructions, common, default, start + record.IdentifierAt + at);
        var row = program.NextRow(ref budget);
        if (row is null) findings.Add(Reasons.UnwindRulesCorrupt, $"the rules of the CIE at +0x{record.At:x}");
        return common with { InitialRow = row };
    }

    private CommonEntry? Unknown(Record record, string what)
    {
        findings.Add(Reasons.UnwindEncodingUnknown, $"CIE at +0x{record.At:x}: {what}");
        return null;
    }

    private readonly record struct Record(ulong At, ulong IdentifierAt, uint Identifier, ByteView View);
}
