using KernOpt.Target;

namespace KernOpt.Live.Regions;

/// <summary>An entry in its place in the table. Slot and state change; the entry is replaced as a whole.</summary>
internal sealed class PlacedEntry(int slot, EntryState state, Entry entry)
{
    public int Slot { get; } = slot;
    public EntryState State { get; set; } = state;
    public Entry Entry { get; set; } = entry;
}

/// <summary>The table of everything that owns memory in a region.</summary>
internal sealed class EntryTable(IRegion region)
{
    private readonly RecordTable table =
        new(region, RegionFormat.Entries, RegionFormat.EntryBytes, RegionFormat.EntryCount, RegionFormat.EntriesPerChunk);

    /// <summary>All entries that are not free. Unreadable counts those that no kernopt can have written.</summary>
    public IReadOnlyList<PlacedEntry> Read(out int unreadable)
    {
        var entries = new List<PlacedEntry>();
        var bad = 0;
        table.Visit((slot, bytes) =>
        {
            if (Entry.Decode(bytes, out var state) is not { } entry) bad++;
            else if (state != EntryState.Free) entries.Add(new PlacedEntry(slot, state, entry));
        });
        unreadable = bad;
        return entries;
    }

    /// <summary>Writes an entry with state Preparing.</summary>
    public Outcome<PlacedEntry> Add(Entry entry)
    {
        Span<byte> bytes = stackalloc byte[RegionFormat.EntryBytes];
        entry.Encode(EntryState.Preparing, bytes);
        if (table.Add(bytes) is { } slot) return new PlacedEntry(slot, EntryState.Preparing, entry);
        return Reasons.RegionFull.With($"all {RegionFormat.EntryCount} entries are in use");
    }

    public void Mark(PlacedEntry placed, EntryState state)
    {
        table.Mark(placed.Slot, (byte)state);
        placed.State = state;
    }

    public void Free(PlacedEntry placed)
    {
        table.Free(placed.Slot);
        placed.State = EntryState.Free;
    }
}
