using KernOpt.Live.Stubs;
using KernOpt.Target;

namespace KernOpt.Live.Regions;

/// <summary>A region with its log, its table and its heaps. Reading it changes nothing in it.</summary>
internal sealed class LiveRegion
{
    private readonly IRegion memory;
    private readonly EntryTable table;
    private readonly List<PlacedEntry> entries = [];
    private readonly UndoLog log;
    private readonly Dictionary<int, LoggedChange> changes = [];
    private readonly ChangeIndex index = new();
    private Heap code;
    private Heap data;

    private LiveRegion(IRegion memory, RegionStatus status, bool isBlank)
    {
        this.memory = memory;
        IsBlank = isBlank;
        Status = status;
        log = new UndoLog(memory);
        table = new EntryTable(memory);
        code = new Heap(memory.DataBytes, memory.Range.Length, []);
        data = new Heap(Math.Min(RegionFormat.DataHeap, memory.DataBytes), memory.DataBytes, []);
    }

    public RegionStatus Status { get; private set; }

    /// <summary>Mapped but not formatted: there is nothing in it.</summary>
    public bool IsBlank { get; private set; }
    public IRegion Memory => memory;
    public AddressRange Range => memory.Range;
    public IReadOnlyList<PlacedEntry> Entries => entries;

    /// <summary>Undo records that are whole; none where the format is another one.</summary>
    public IReadOnlyCollection<LoggedChange> Changes => changes.Values;

    /// <summary>Those of them that concern some of this text.</summary>
    public IEnumerable<LoggedChange> ChangesOf(AddressRange text) => index.Near(text).Select(slot => changes[slot]).Where(c => c.Record.Extent.Overlaps(text));

    public bool IsEmpty => Status == RegionStatus.Usable && entries.Count == 0 && changes.Count == 0;
    public ulong CodeBytesInUse => code.BytesInUse;
    public ulong DataBytesInUse => data.BytesInUse;

    /// <summary>A region as it is found. What it holds is checked, never believed.</summary>
    public static LiveRegion Open(IRegion memory, ulong owner)
    {
        var holdsTables = memory.DataBytes >= RegionFormat.DataHeap;
        if (holdsTables && RegionHeader.IsBlank(memory)) return new LiveRegion(memory, RegionStatus.Usable, isBlank: true);
        var region = new LiveRegion(memory, holdsTables ? RegionHeader.Check(memory, owner) : RegionStatus.Damaged, isBlank: false);
        if (holdsTables && region.Status != RegionStatus.OtherFormat) region.ReadTables();
        return region;
    }

    /// <summary>Writes the header of a blank region.</summary>
    public void Format(ulong owner, string build)
    {
        if (!IsBlank) return;
        RegionHeader.Format(memory, owner, build);
        IsBlank = false;
    }

    /// <summary>Writes an undo record with state Intent.</summary>
    public Outcome<LoggedChange> Begin(UndoRecord record)
    {
        if (!log.Begin(record).Try(out var slot, out var why)) return why;
        return Know(new LoggedChange(slot, UndoState.Intent, record));
    }

    public void Mark(LoggedChange change, UndoState state)
    {
        log.Mark(change.Slot, state);
        changes[change.Slot] = change with { State = state };
    }

    public void Free(LoggedChange change)
    {
        log.Free(change.Slot);
        index.Remove(change);
        changes.Remove(change.Slot);
    }

    public Address AddressOf(ulong offset) => Range.Start + offset;

    public AddressRange RangeOf(Piece piece) => new(AddressOf(piece.Offset), piece.Length);

    /// <summary>Whether all of both ranges are within a signed 32-bit displacement of each other.</summary>
    public bool CanReach(AddressRange other)
    {
        var low = Range.Start < other.Start ? Range.Start : other.Start;
        var high = Range.End > other.End ? Range.End : other.End;
        return high - low is > 0 and < int.MaxValue;
    }

    public Outcome<Piece> TakeCode(ulong bytes, ulong alignment = 16) => code.Take(bytes, alignment);

    public Outcome<Piece> TakeData(ulong bytes) => data.Take(bytes, 64);

    public void GiveBack(Piece codePiece, Piece dataPiece)
    {
        code.Release(codePiece);
        data.Release(dataPiece);
    }

    public Outcome<PlacedEntry> Add(Entry entry)
    {
        var added = table.Add(entry);
        if (added.Try(out var placed, out _)) entries.Add(placed);
        return added;
    }

    public void Mark(PlacedEntry placed, EntryState state) => table.Mark(placed, state);

    /// <summary>Forgets an entry and gives its memory back. Nobody can be in it or come into it.</summary>
    public void Remove(PlacedEntry placed)
    {
        table.Free(placed);
        entries.Remove(placed);
        GiveBack(placed.Entry.Code, placed.Entry.Data);
    }

    private void ReadTables()
    {
        entries.AddRange(table.Read(out var unreadable));
        var logged = log.Read(out var unreadableRecords);
        foreach (var change in logged) Know(change);
        if (unreadable + unreadableRecords > 0 || !entries.TrueForAll(IsPlausible)) Status = RegionStatus.Damaged;
        if (Status == RegionStatus.Damaged) return;
        code = new Heap(memory.DataBytes, memory.Range.Length, entries.Select(e => e.Entry.Code));
        data = new Heap(RegionFormat.DataHeap, memory.DataBytes, entries.Select(e => e.Entry.Data));
    }

    private LoggedChange Know(LoggedChange change)
    {
        changes[change.Slot] = change;
        index.Add(change);
        return change;
    }

    /// <summary>Its pieces lie in their heaps, and what it says can be entered lies in its own code.</summary>
    private bool IsPlausible(PlacedEntry placed)
    {
        var entry = placed.Entry;
        return entry.Data.Length >= LeastDataOf(entry) && IsInside(entry.Code, memory.DataBytes, memory.Range.Length) && IsInside(entry.Data, RegionFormat.DataHeap, memory.DataBytes)
            && IsEntry(entry.Plain) && IsEntry(entry.Counted) && IsEntry(entry.FullPlain) && IsEntry(entry.FullCounted);

        bool IsEntry(Address at) => at == Address.Zero || RangeOf(entry.Code).Contains(at);
    }

    private static ulong LeastDataOf(Entry entry) => entry.Type switch
    {
        EntryType.Redirect => RedirectCode.DataBytes,
        EntryType.Version => InstalledVersion.DataBytes,
        EntryType.Call => RedirectedCall.DataBytes,
        EntryType.Points => InstalledPoints.LeastDataOf(entry),
        _ => ValueProbe.CapacityOf(entry) is > 0 and <= ValueProbe.MostRecords and var records && int.IsPow2(records)
            ? ProbeCode.DataBytes(records) : ulong.MaxValue,
    };

    private static bool IsInside(Piece piece, ulong start, ulong end) =>
        piece.Length == 0 || (piece.Offset >= start && piece.Offset <= end && piece.Length <= end - piece.Offset && piece.Offset % 8 == 0);
}
