using KernOpt.Live.Regions;
using KernOpt.Target;

namespace KernOpt.Live.Text;

/// <summary>What the text of this address space holds at a change's place.</summary>
internal enum TextHolds
{
    Original,
    Patched,
    /// <summary>Bytes of somebody else, or nothing readable.</summary>
    Other,
    /// <summary>The module is no longer there; another one may be.</summary>
    ModuleGone,
}

/// <summary>Makes and takes back logged changes of text, one store each.</summary>
internal sealed class TextChanges(ITarget target, ModuleText modules, RegionSet regions)
{
    /// <summary>
    /// Writes the undo record, stores, and marks the record done; answers the record. Refused, with nothing changed, when the text is not what the module's
    /// file holds (5105, 5304), when it completes the jump of another change (5411), when the log is full (5003), or by the target.
    /// </summary>
    public Outcome<LoggedChange> Make(LiveRegion region, ChangeKind kind, Address at, byte[] patched, ulong owner)
    {
        var range = new AddressRange(at, (ulong)patched.Length);
        if (modules.IdentityAt(at) is not { } module) return Reasons.TextNotComparable.With($"{at} is not text mapped from a file");
        if (!modules.FileBytes(range).Try(out var original, out var why)) return why;
        if (!Holds(range, original)) return Reasons.NotUnpatched.With($"at {at}");
        if (CompletesAJump(range)) return Reasons.ServesAsDisplacement.With($"at {at}");

        var record = new UndoRecord(kind, at, [.. original], [.. patched], module, owner);
        if (!region.Begin(record).Try(out var change, out why)) return why;
        if (!target.StoreText(at, original, patched).Try(out _, out why) && !Holds(range, patched))
        {
            region.Free(change);
            return why;
        }
        region.Mark(change, UndoState.Done);
        return change;
    }

    /// <summary>Whether the live text is what the module's file holds.</summary>
    public bool IsOriginal(AddressRange range)
    {
        var live = new byte[range.Length];
        return modules.FileBytes(range).Try(out var file, out _) && target.Read(range.Start, live) == live.Length && live.AsSpan().SequenceEqual(file);
    }

    public TextHolds Look(UndoRecord record)
    {
        // Text that was copied to other memory (huge pages) still leads to us: then nothing may be freed.
        if (modules.IdentityAt(record.At) != record.Module) return Holds(record.Range, record.Patched.AsSpan()) ? TextHolds.Other : TextHolds.ModuleGone;
        Span<byte> live = stackalloc byte[RegionFormat.Undo.LongestText];
        live = live[..record.Length];
        if (target.Read(record.At, live) != live.Length) return TextHolds.Other;
        if (live.SequenceEqual(record.Original.AsSpan())) return TextHolds.Original;
        if (live.SequenceEqual(record.Patched.AsSpan())) return TextHolds.Patched;
        return IsOfAnotherRecord(record) ? TextHolds.Original : TextHolds.Other;
    }

    /// <summary>
    /// Brings the original back where the text holds exactly the patched bytes. Decides by the text, never by the record's state: this address space may
    /// be a forked child's. The state is written only where <paramref name="marks"/>. Answers what the text held: a store was made where that was the patched bytes.
    /// </summary>
    public Outcome<TextHolds> Undo(LiveRegion region, LoggedChange change, bool marks)
    {
        var record = change.Record;
        var holds = Look(record);
        switch (holds)
        {
            case TextHolds.Original or TextHolds.ModuleGone:
                if (marks) region.Mark(change, UndoState.Reverted);
                return holds;
            case TextHolds.Other:
                return Reasons.TextChangedByOthers.With($"at {record.At}");
        }
        // Where the file can no longer be read, the log alone decides.
        if (modules.FileBytes(record.Range).Try(out var file, out _) && !record.Original.AsSpan().SequenceEqual(file))
            return Reasons.RecordImplausible.With($"at {record.At}");
        if (marks) region.Mark(change, UndoState.Reverting);
        if (!target.StoreText(record.At, record.Patched.AsSpan(), record.Original.AsSpan()).Try(out _, out var why) && Look(record) != TextHolds.Original) return why;
        if (marks) region.Mark(change, UndoState.Reverted);
        return holds;
    }

    /// <summary>Whoever plans knows already; this holds it for all that is ever stored.</summary>
    private bool CompletesAJump(AddressRange range) =>
        regions.All.Any(r => r.ChangesOf(range).Any(c => c.Record.IsPunned && Look(c.Record) is TextHolds.Patched or TextHolds.Other));

    /// <summary>A place that was restored and changed again has a later record of its own while the earlier one is draining.</summary>
    private bool IsOfAnotherRecord(UndoRecord record) => regions.All.Any(r => r.ChangesOf(record.Range).Any(c =>
        c.Record.At == record.At && c.Record.Module == record.Module && HaveTheSameOriginal(c.Record, record)
        && c.Record.Owner != record.Owner && Holds(c.Record.Range, c.Record.Patched.AsSpan())));

    /// <summary>As far as both go: a place may be left by jumps of several lengths, one after the other.</summary>
    private static bool HaveTheSameOriginal(UndoRecord one, UndoRecord other)
    {
        var length = Math.Min(one.Length, other.Length);
        return one.Original.AsSpan()[..length].SequenceEqual(other.Original.AsSpan()[..length]);
    }

    private bool Holds(AddressRange range, ReadOnlySpan<byte> bytes)
    {
        Span<byte> live = stackalloc byte[RegionFormat.Undo.LongestText];
        live = live[..bytes.Length];
        return target.Read(range.Start, live) == bytes.Length && live.SequenceEqual(bytes);
    }
}
