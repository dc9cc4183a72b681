using System.Buffers.Binary;
using System.Collections.Immutable;
using KernOpt.Live.Points.Punning;
using KernOpt.Target;

namespace KernOpt.Live.Regions;

/// <summary>
/// What a record says about the change. It is advice: whether a change is in place in an address space is decided by the bytes of its text, because a
/// forked child shares the record but not the text.
/// </summary>
internal enum UndoState : byte
{
    Free = 0,
    /// <summary>The store may or may not have been made.</summary>
    Intent = 1,
    /// <summary>The store has been made.</summary>
    Done = 2,
    /// <summary>The store back may or may not have been made.</summary>
    Reverting = 3,
    /// <summary>The text is the original again; the record stays until no address space can need it.</summary>
    Reverted = 4,
}

/// <summary>What kind of place was changed.</summary>
public enum ChangeKind : byte
{
    None = 0,
    /// <summary>An instruction of a function's entry block became a jump.</summary>
    Entry = 1,
    /// <summary>Padding became a jump of five bytes, or of two to another such place, or the end of a jump's displacement.</summary>
    Springboard = 2,
    /// <summary>A direct call was pointed elsewhere.</summary>
    CallSite = 3,
    /// <summary>An instruction was led to the code of a point.</summary>
    Point = 4,
}

/// <summary>One changed place of the text: at most 16 bytes, before and after. Module tells which byte of which file lies there.</summary>
internal sealed record UndoRecord(
    ChangeKind Kind, Address At, ImmutableArray<byte> Original, ImmutableArray<byte> Patched, ulong Module, ulong Owner)
{
    public int Length => Original.Length;
    public AddressRange Range => new(At, (ulong)Original.Length);

    /// <summary>That, and the bytes behind it that complete a jump which is longer: they must stay what they are while the change is in. Padding is completed by nothing.</summary>
    public AddressRange Extent { get; } = Kind == ChangeKind.Springboard ? new(At, (ulong)Original.Length) : PunnedJump.ExtentOf(At, Patched.AsSpan());

    public bool IsPunned => Extent.Length > (ulong)Length;

    /// <summary>The record as it lies in the region, with this state.</summary>
    public void Encode(UndoState state, Span<byte> into)
    {
        into[..RegionFormat.UndoRecordBytes].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(into[RegionFormat.Undo.Address..], At.Value);
        Original.AsSpan().CopyTo(into[RegionFormat.Undo.Original..]);
        Patched.AsSpan().CopyTo(into[RegionFormat.Undo.Patched..]);
        BinaryPrimitives.WriteUInt64LittleEndian(into[RegionFormat.Undo.Module..], Module);
        BinaryPrimitives.WriteUInt64LittleEndian(into[RegionFormat.Undo.Owner..], Owner);
        var word = (ulong)Kind << 8 | (ulong)Length << 16;
        word |= (ulong)Sum(word, into) << 32;
        BinaryPrimitives.WriteUInt64LittleEndian(into, word | (ulong)state);
    }

    /// <summary>Reads a record that may hold anything; null when it is not one that <see cref="Encode"/> has written.</summary>
    public static UndoRecord? Decode(ReadOnlySpan<byte> from, out UndoState state)
    {
        var word = BinaryPrimitives.ReadUInt64LittleEndian(from);
        state = (UndoState)(byte)word;
        var kind = (ChangeKind)(byte)(word >> 8);
        var length = (int)(word >> 16 & 0xFFFF);
        if (length is 0 or > RegionFormat.Undo.LongestText || kind is ChangeKind.None or > ChangeKind.Point || state > UndoState.Reverted) return null;
        if (Sum(word & 0xFFFF_FF00, from) != (uint)(word >> 32)) return null;
        return new UndoRecord(kind, new Address(BinaryPrimitives.ReadUInt64LittleEndian(from[RegionFormat.Undo.Address..])),
            [.. from.Slice(RegionFormat.Undo.Original, length)], [.. from.Slice(RegionFormat.Undo.Patched, length)],
            BinaryPrimitives.ReadUInt64LittleEndian(from[RegionFormat.Undo.Module..]),
            BinaryPrimitives.ReadUInt64LittleEndian(from[RegionFormat.Undo.Owner..]));
    }

    private static uint Sum(ulong word, ReadOnlySpan<byte> record) =>
        Checksum.Fold(Checksum.Of(word, Checksum.Of(record[8..RegionFormat.UndoRecordBytes]), RegionFormat.Version));
}
