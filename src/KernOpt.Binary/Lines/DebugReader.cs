using System.Text;

namespace KernOpt.Binary.Lines;

/// <summary>Reads on and on in some bytes; past their end it answers zeros, and IsShort.</summary>
internal sealed class DebugReader(ByteView bytes)
{
    public ulong At { get; set; }

    public ulong Length => bytes.Length;

    public bool IsShort { get; private set; }

    public bool IsAtEnd => At >= bytes.Length;

    public byte Byte() => (byte)Number(1);

    /// <summary>1 to 8 bytes, little-endian.</summary>
    public ulong Number(int size)
    {
        var value = 0UL;
        for (var i = 0; i < size; i++)
        {
            if (!bytes.TryByte(At + (ulong)i, out var one)) IsShort = true;
            value |= (ulong)one << (8 * i);
        }
        At += (ulong)size;
        return value;
    }

    /// <summary>ULEB128; bits beyond 64 are dropped.</summary>
    public ulong Unsigned()
    {
        var value = 0UL;
        for (var shift = 0; ; shift += 7)
        {
            var one = Byte();
            if (shift < 64) value |= (ulong)(one & 0x7f) << shift;
            if (one < 0x80 || IsShort) return value;
        }
    }

    /// <summary>SLEB128.</summary>
    public long Signed()
    {
        var value = 0L;
        for (var shift = 0; ;)
        {
            var one = Byte();
            if (shift < 64) value |= (long)(one & 0x7f) << shift;
            shift += 7;
            if (one >= 0x80 && !IsShort) continue;
            return shift < 64 && (one & 0x40) != 0 ? value | -1L << shift : value;
        }
    }

    /// <summary>Up to the next NUL.</summary>
    public string Text()
    {
        var rest = bytes.From(At).Bytes.Span;
        var end = rest.IndexOf((byte)0);
        if (end < 0) IsShort = true;
        var text = Encoding.UTF8.GetString(rest[..Math.Max(end, 0)]);
        At += (ulong)Math.Max(end, 0) + 1;
        return text;
    }

    public void Skip(ulong count) => At = count > bytes.Length - Math.Min(At, bytes.Length) ? bytes.Length : At + count;

    public DebugReader Part(ulong length) => new(bytes.Slice(At, length));
}
