using System.Buffers.Binary;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live;

/// <summary>A region that is an array, so that a test can spoil it and can end the writer at any step.</summary>
internal sealed class ByteRegion(AddressRange range, ulong dataBytes, Action<Action> step) : IRegion
{
    public byte[] Bytes { get; } = new byte[range.Length];
    public AddressRange Range => range;
    public ulong DataBytes => dataBytes;
    public bool IsShared => true;

    public Outcome<Done> MakeWritable() => Done.It;

    public ulong Load(ulong offset) => BinaryPrimitives.ReadUInt64LittleEndian(Bytes.AsSpan((int)offset));

    public void Store(ulong offset, ulong value)
    {
        Assert.Equal(0UL, offset % 8);
        step(() => { });
        BinaryPrimitives.WriteUInt64LittleEndian(Bytes.AsSpan((int)offset), value);
    }

    public void Read(ulong offset, Span<byte> into) => Bytes.AsSpan((int)offset, into.Length).CopyTo(into);

    public void Write(ulong offset, ReadOnlySpan<byte> bytes)
    {
        var copy = bytes.ToArray();
        // A writer that dies in the middle of a copy has made half of it.
        step(() => copy.AsSpan(0, copy.Length / 2).CopyTo(Bytes.AsSpan((int)offset)));
        copy.CopyTo(Bytes.AsSpan((int)offset));
    }
}
