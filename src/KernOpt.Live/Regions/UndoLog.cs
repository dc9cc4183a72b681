using KernOpt.Target;

namespace KernOpt.Live.Regions;

/// <summary>A record in its place in the log.</summary>
internal sealed record LoggedChange(int Slot, UndoState State, UndoRecord Record);

/// <summary>The list of changed places inside a region.</summary>
internal sealed class UndoLog(IRegion region)
{
    private readonly RecordTable table =
        new(region, RegionFormat.UndoLog, RegionFormat.UndoRecordBytes, RegionFormat.UndoRecords, RegionFormat.UndoRecordsPerChunk);

    /// <summary>All records that are not free. Unreadable counts those that no kernopt can have written.</summary>
    public IReadOnlyList<LoggedChange> Read(out int unreadable)
    {
        var changes = new List<LoggedChange>();
        var bad = 0;
        table.Visit((slot, bytes) =>
        {
            if (UndoRecord.Decode(bytes, out var state) is not { } record) bad++;
            else if (state != UndoState.Free) changes.Add(new LoggedChange(slot, state, record));
        });
        unreadable = bad;
        return changes;
    }

    /// <summary>Writes a record with state Intent. Answers its slot.</summary>
    public Outcome<int> Begin(UndoRecord record)
    {
        Span<byte> bytes = stackalloc byte[RegionFormat.UndoRecordBytes];
        record.Encode(UndoState.Intent, bytes);
        if (table.Add(bytes) is { } slot) return slot;
        return Reasons.RegionFull.With($"all {RegionFormat.UndoRecords} undo records are in use");
    }

    public void Mark(int slot, UndoState state) => table.Mark(slot, (byte)state);

    public void Free(int slot) => table.Free(slot);
}
