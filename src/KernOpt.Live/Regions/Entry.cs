using System.Buffers.Binary;
using System.Text;
using KernOpt.Target;

namespace KernOpt.Live.Regions;

internal enum EntryState : byte
{
    Free = 0,
    /// <summary>Its memory is taken; nothing points to it yet.</summary>
    Preparing = 1,
    Live = 2,
    /// <summary>It is being taken out; no new thread can come in; its memory is kept until nobody can be in it.</summary>
    Draining = 3,
}

internal enum EntryType : byte
{
    None = 0,
    Redirect = 1,
    Version = 2,
    Call = 3,
    Probe = 4,
    Points = 5,
}

/// <summary>
/// A thing in a region that owns memory: a redirection of a function, a version, a redirected call, a probe, or points. Pieces are offsets into the region;
/// addresses are the target's. Name is the function's stable name, Text what the maker says about it; both are cut to fit. Kind, Facts and More
/// mean what the type says (see docs/region-format.md).
/// </summary>
internal sealed record Entry(EntryType Type, ulong Id)
{
    public byte Kind { get; init; }
    public ulong Parent { get; init; }
    public Piece Code { get; init; }
    public Piece Data { get; init; }
    public Address Site { get; init; }
    public AddressRange Function { get; init; }
    public Address Plain { get; init; }
    public Address Counted { get; init; }
    public Address FullPlain { get; init; }
    public Address FullCounted { get; init; }
    public long CreatedUnixMilliseconds { get; init; }
    public ulong Facts { get; init; }
    public ulong More { get; init; }

    /// <summary>The number of the file whose pages the points' jumps come down on; 0 where there is none. All that is mapped of it belongs to this entry.</summary>
    public ulong Stones { get; init; }
    public string Name { get; init; } = "";
    public string Text { get; init; } = "";

    public void Encode(EntryState state, Span<byte> into)
    {
        into[..RegionFormat.EntryBytes].Clear();
        Put(into, RegionFormat.EntryField.Id, Id);
        Put(into, RegionFormat.EntryField.Parent, Parent);
        Put(into, RegionFormat.EntryField.CodeOffset, Code.Offset);
        Put(into, RegionFormat.EntryField.CodeLength, Code.Length);
        Put(into, RegionFormat.EntryField.DataOffset, Data.Offset);
        Put(into, RegionFormat.EntryField.DataLength, Data.Length);
        Put(into, RegionFormat.EntryField.Site, Site.Value);
        Put(into, RegionFormat.EntryField.FunctionStart, Function.Start.Value);
        Put(into, RegionFormat.EntryField.FunctionSize, Function.Length);
        Put(into, RegionFormat.EntryField.Plain, Plain.Value);
        Put(into, RegionFormat.EntryField.Counted, Counted.Value);
        Put(into, RegionFormat.EntryField.FullPlain, FullPlain.Value);
        Put(into, RegionFormat.EntryField.FullCounted, FullCounted.Value);
        Put(into, RegionFormat.EntryField.Created, (ulong)CreatedUnixMilliseconds);
        Put(into, RegionFormat.EntryField.Facts, Facts);
        Put(into, RegionFormat.EntryField.More, More);
        Put(into, RegionFormat.EntryField.Stones, Stones);
        PutText(Name, into.Slice(RegionFormat.EntryField.Name, RegionFormat.EntryField.NameBytes));
        PutText(Text, into.Slice(RegionFormat.EntryField.Text, RegionFormat.EntryField.TextBytes));
        var word = (ulong)Type << 8 | (ulong)Kind << 16;
        word |= (ulong)Sum(word, into) << 32;
        BinaryPrimitives.WriteUInt64LittleEndian(into, word | (ulong)state);
    }

    /// <summary>Reads an entry that may hold anything; null when it is not one that <see cref="Encode"/> has written.</summary>
    public static Entry? Decode(ReadOnlySpan<byte> from, out EntryState state)
    {
        var word = BinaryPrimitives.ReadUInt64LittleEndian(from);
        state = (EntryState)(byte)word;
        var type = (EntryType)(byte)(word >> 8);
        if (type is EntryType.None or > EntryType.Points || state > EntryState.Draining) return null;
        if (Sum(word & 0xFFFF_FF00, from) != (uint)(word >> 32)) return null;
        return new Entry(type, Get(from, RegionFormat.EntryField.Id))
        {
            Kind = (byte)(word >> 16),
            Parent = Get(from, RegionFormat.EntryField.Parent),
            Code = new Piece(Get(from, RegionFormat.EntryField.CodeOffset), Get(from, RegionFormat.EntryField.CodeLength)),
            Data = new Piece(Get(from, RegionFormat.EntryField.DataOffset), Get(from, RegionFormat.EntryField.DataLength)),
            Site = new Address(Get(from, RegionFormat.EntryField.Site)),
            Function = new AddressRange(new Address(Get(from, RegionFormat.EntryField.FunctionStart)), Get(from, RegionFormat.EntryField.FunctionSize)),
            Plain = new Address(Get(from, RegionFormat.EntryField.Plain)),
            Counted = new Address(Get(from, RegionFormat.EntryField.Counted)),
            FullPlain = new Address(Get(from, RegionFormat.EntryField.FullPlain)),
            FullCounted = new Address(Get(from, RegionFormat.EntryField.FullCounted)),
            CreatedUnixMilliseconds = (long)Get(from, RegionFormat.EntryField.Created),
            Facts = Get(from, RegionFormat.EntryField.Facts),
            More = Get(from, RegionFormat.EntryField.More),
            Stones = Get(from, RegionFormat.EntryField.Stones),
            Name = GetText(from.Slice(RegionFormat.EntryField.Name, RegionFormat.EntryField.NameBytes)),
            Text = GetText(from.Slice(RegionFormat.EntryField.Text, RegionFormat.EntryField.TextBytes)),
        };
    }

    private static uint Sum(ulong word, ReadOnlySpan<byte> entry) =>
        Checksum.Fold(Checksum.Of(word, Checksum.Of(entry[8..RegionFormat.EntryBytes]), RegionFormat.Version));

    private static void Put(Span<byte> into, int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(into[offset..], value);

    private static ulong Get(ReadOnlySpan<byte> from, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(from[offset..]);

    private static void PutText(string text, Span<byte> into)
    {
        Encoding.UTF8.GetEncoder().Convert(text, into, flush: true, out _, out _, out _);
    }

    private static string GetText(ReadOnlySpan<byte> from)
    {
        var end = from.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? from : from[..end]);
    }
}
