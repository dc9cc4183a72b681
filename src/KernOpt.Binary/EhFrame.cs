using System.Collections.Immutable;

namespace KernOpt.Binary;

/// <summary>
/// A CIE: what several functions' unwind entries share. CodeAlignment and DataAlignment scale offsets in instructions; Personality is the routine that
/// decides what an exception does in a frame. Offset is from the start of .eh_frame.
/// </summary>
public sealed record CommonEntry(ulong Offset, string Augmentation, ulong CodeAlignment, long DataAlignment, ulong ReturnRegister)
{
    public byte PointerEncoding { get; init; }
    public byte LsdaEncoding { get; init; } = PointerReader.Omitted;
    public EncodedPointer? Personality { get; init; }

    /// <summary>The frame is one that the kernel pushed to deliver a signal: its return address is exact, not one past a call.</summary>
    public bool IsSignalFrame { get; init; }

    internal ByteView Instructions { get; init; }

    /// <summary>The row that every function starts from, or null when the instructions are corrupt.</summary>
    internal UnwindRow? InitialRow { get; init; }
}

/// <summary>An FDE: how to unwind one contiguous range of code. Lsda is the language-specific data area (landing pads), when it has one.</summary>
public sealed record FrameEntry(FileRange Range, CommonEntry Common, FileAddress? Lsda)
{
    internal ByteView Instructions { get; init; }

    /// <summary>The address of the first byte of <see cref="Instructions"/>.</summary>
    internal FileAddress RulesStart { get; init; }

    /// <summary>The rule at the first instruction, or null when the call frame instructions are corrupt.</summary>
    public UnwindRow? FirstRow { get; init; }

    /// <summary>At its first instruction the return address lies at rsp: it is entered by a call. A split-off part such as ".cold" is not.</summary>
    public bool IsEnteredByCall => FirstRow is { } row && row.Cfa == CfaRule.At(UnwindRow.Rsp, 8);

    /// <summary>The row that holds at an address of the range; null outside of it, and after a place where the instructions are corrupt.</summary>
    public UnwindRow? RowAt(FileAddress at)
    {
        if (!Range.Contains(at)) return null;
        UnwindRow? last = null;
        foreach (var row in Rows())
        {
            if (row is not null && row.Start > at - Range.Start) break;
            last = row;
        }
        return last;
    }

    /// <summary>All rows in order. Where the instructions are corrupt the last one is null.</summary>
    internal IEnumerable<UnwindRow?> Rows()
    {
        if (Common.InitialRow is not { } initial) yield break;
        var program = new UnwindProgram(Instructions, Common, Range.Start, RulesStart);
        program.StartFrom(initial);
        var budget = (long)Instructions.Length + 1;
        while (program.NextRow(ref budget) is { } row) yield return row;
        if (program.IsCorrupt) yield return null;
    }
}

/// <summary>The unwind table of a file: entries ascend by address and do not overlap.</summary>
public sealed partial record EhFrame(ImmutableArray<FrameEntry> Entries, ImmutableArray<Finding> Findings)
{
    /// <summary>The entry that covers an address.</summary>
    public FrameEntry? EntryAt(FileAddress at)
    {
        int low = 0, high = Entries.Length - 1;
        while (low <= high)
        {
            var middle = (low + high) / 2;
            var entry = Entries[middle];
            if (entry.Range.Contains(at)) return entry;
            if (at < entry.Range.Start) high = middle - 1;
            else low = middle + 1;
        }
        return null;
    }
}
