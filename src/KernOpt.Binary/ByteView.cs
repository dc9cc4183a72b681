using System.Buffers.Binary;
using System.Text;

namespace KernOpt.Binary;

/// <summary>Little-endian reads that cannot leave their bytes: outside of them they answer false, whatever the offset.</summary>
internal readonly struct ByteView(ReadOnlyMemory<byte> bytes)
{
    public ReadOnlyMemory<byte> Bytes { get; } = bytes;

    public ulong Length => (ulong)Bytes.Length;

    /// <summary>The part of [offset, offset + length) that exists; empty when none does.</summary>
    public ByteView Slice(ulong offset, ulong length)
    {
        if (offset >= Length) return default;
        return new ByteView(Bytes.Slice((int)offset, (int)Math.Min(length, Length - offset)));
    }

    public ByteView From(ulong offset) => Slice(offset, ulong.MaxValue);

    public bool TryByte(ulong offset, out byte value)
    {
        var found = Holds(offset, 1);
        value = found ? Bytes.Span[(int)offset] : (byte)0;
        return found;
    }

    public bool TryUInt16(ulong offset, out ushort value)
    {
        value = 0;
        return Holds(offset, 2) && BinaryPrimitives.TryReadUInt16LittleEndian(Bytes.Span[(int)offset..], out value);
    }

    public bool TryUInt32(ulong offset, out uint value)
    {
        value = 0;
        return Holds(offset, 4) && BinaryPrimitives.TryReadUInt32LittleEndian(Bytes.Span[(int)offset..], out value);
    }

    public bool TryUInt64(ulong offset, out ulong value)
    {
        value = 0;
        return Holds(offset, 8) && BinaryPrimitives.TryReadUInt64LittleEndian(Bytes.Span[(int)offset..], out value);
    }

    /// <summary>For tables whose bounds have been checked: 0 outside.</summary>
    public uint UInt32(ulong offset) => TryUInt32(offset, out var value) ? value : 0;

    /// <summary>For tables whose bounds have been checked: 0 outside.</summary>
    public ulong UInt64(ulong offset) => TryUInt64(offset, out var value) ? value : 0;

    /// <summary>The bytes before the next NUL; false when there is none within <paramref name="limit"/> bytes.</summary>
    public bool TryText(ulong offset, int limit, out string text)
    {
        var span = Slice(offset, (ulong)limit).Bytes.Span;
        var end = span.IndexOf((byte)0);
        text = end > 0 ? Encoding.UTF8.GetString(span[..end]) : "";
        return end >= 0;
    }

    private bool Holds(ulong offset, ulong length) => offset <= Length && Length - offset >= length;
}
