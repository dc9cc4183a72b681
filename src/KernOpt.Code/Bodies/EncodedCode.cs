using System.Collections.Immutable;
using KernOpt.Code.Graphs;
using KernOpt.Target;

namespace KernOpt.Code.Bodies;

/// <summary>
/// A body as bytes for one place. Bytes holds the code and, behind it, the copy's own jump tables. Entries are in the order of
/// <see cref="FunctionBody.Entries"/>. Map pairs the address that an instruction was copied from with where it lies now, ascending by Moved.
/// </summary>
public sealed record EncodedCode(Address At, byte[] Bytes, ImmutableArray<Address> Entries, ImmutableArray<(Address Original, Address Moved)> Map)
{
    /// <summary>How many of the bytes are code; tables follow.</summary>
    public required int CodeBytes { get; init; }

    /// <summary>Where each block lies that was laid out, ascending. Blocks that hold nothing but a jump may have been passed over.</summary>
    public required ImmutableArray<(BodyBlock Block, Address At)> Blocks { get; init; }

    /// <summary>The copy's own jump tables: which one each is a copy of, and where it lies.</summary>
    public ImmutableArray<(JumpTable Original, Address At)> Tables { get; init; } = [];

    public AddressRange Range => new(At, (ulong)Bytes.Length);
}
