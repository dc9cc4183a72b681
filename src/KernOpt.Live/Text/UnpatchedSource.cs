using System.Diagnostics.CodeAnalysis;
using KernOpt.Code.Images;
using KernOpt.Live.Regions;
using KernOpt.Target;

namespace KernOpt.Live.Text;

/// <summary>The program as it was before it was changed: where the text holds the bytes that an undo record put there, the original ones are read.</summary>
internal sealed class UnpatchedSource(ICodeSource live, Func<IReadOnlyList<UndoRecord>> changes) : ICodeSource
{
    private sealed record Known(long Version, UndoRecord[] Ascending);

    // No lock: the records are asked for under the owner's, who calls Invalidate while holding it.
    private volatile Known known = new(-1, []);
    private long version;

    /// <summary>The records have changed.</summary>
    public void Invalidate() => Interlocked.Increment(ref version);

    public int Read(Address from, Span<byte> into)
    {
        var count = live.Read(from, into);
        var records = Ascending();
        var range = new AddressRange(from, (ulong)count);
        for (var i = FirstThatEndsAfter(records, from); i < records.Length && records[i].At < range.End; i++) Restore(records[i], range, into);
        return count;
    }

    public bool IsExecutable(Address address) => live.IsExecutable(address);

    public bool IsConstantData(AddressRange range) => live.IsConstantData(range);

    public Function? FunctionAt(Address address) => live.FunctionAt(address);

    public bool TryGetImport(Address stub, [MaybeNullWhen(false)] out string name) => live.TryGetImport(stub, out name);

    public bool TryGetImportSlot(Address slot, [MaybeNullWhen(false)] out string name) => live.TryGetImportSlot(slot, out name);

    private static void Restore(UndoRecord record, AddressRange range, Span<byte> bytes)
    {
        var start = record.At > range.Start ? record.At : range.Start;
        var end = record.Range.End < range.End ? record.Range.End : range.End;
        if (end <= start) return;
        var (inRecord, inBytes, length) = ((int)(start - record.At), (int)(start - range.Start), (int)(end - start));
        var place = bytes.Slice(inBytes, length);
        if (place.SequenceEqual(record.Patched.AsSpan(inRecord, length))) record.Original.AsSpan(inRecord, length).CopyTo(place);
    }

    private UndoRecord[] Ascending()
    {
        var now = Interlocked.Read(ref version);
        if (known is { } before && before.Version == now) return before.Ascending;
        var made = new Known(now, [.. changes().OrderBy(r => r.At)]);
        known = made;
        return made.Ascending;
    }

    private static int FirstThatEndsAfter(UndoRecord[] records, Address from)
    {
        int low = 0, high = records.Length;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (records[middle].At + RegionFormat.Undo.LongestText <= from) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
