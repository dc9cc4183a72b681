namespace KernOpt.Binary;

/// <summary>A pointer of .eh_frame: the address, or, when indirect, the address of the word that will hold it.</summary>
public readonly record struct EncodedPointer(FileAddress Address, bool IsIndirect);

/// <summary>DW_EH_PE pointer encodings (LSB Core, "DWARF Extensions"). Low four bits: format; next three: what it is relative to; highest: indirect.</summary>
internal static class PointerReader
{
    public const byte Omitted = 0xff;
    private const byte Indirect = 0x80;

    public static bool IsKnown(byte encoding) =>
        encoding == Omitted || (encoding & 0x0f) is 0 or 1 or 2 or 3 or 4 or 9 or 0xa or 0xb or 0xc && (encoding & 0x70) is 0 or 0x10 or 0x30 or 0x50;

    /// <summary>
    /// Reads at <paramref name="at"/> and moves it past the pointer. A zero value is no pointer, whatever it is relative to.
    /// <paramref name="viewStart"/> is the address of the view's first byte, <paramref name="data"/> the base of data-relative pointers.
    /// </summary>
    public static bool TryRead(ByteView view, ref ulong at, byte encoding, FileAddress viewStart, FileAddress data, out EncodedPointer? pointer)
    {
        pointer = null;
        if (encoding == Omitted) return true;
        if (!IsKnown(encoding)) return false;
        if ((encoding & 0x70) == 0x50) at += unchecked(0 - (viewStart + at).Value) & 7;
        var field = viewStart + at;
        if (!TryReadValue(view, ref at, encoding, out var value)) return false;
        if (value == 0) return true;
        var origin = (encoding & 0x70) switch { 0x10 => field, 0x30 => data, _ => default };
        pointer = new EncodedPointer(origin + value, (encoding & Indirect) != 0);
        return true;
    }

    /// <summary>The bare value in the encoding's format, sign-extended to 64 bits where the format is signed.</summary>
    public static bool TryReadValue(ByteView view, ref ulong at, byte encoding, out ulong value)
    {
        value = 0;
        switch (encoding & 0x0f)
        {
            case 1: return Leb.TryUnsigned(view, ref at, out value);
            case 9:
                var found = Leb.TrySigned(view, ref at, out var signed);
                value = unchecked((ulong)signed);
                return found;
            case 2 or 0xa:
                if (!view.TryUInt16(at, out var half)) return false;
                value = (encoding & 8) != 0 ? unchecked((ulong)(short)half) : half;
                at += 2;
                return true;
            case 3 or 0xb:
                if (!view.TryUInt32(at, out var word)) return false;
                value = (encoding & 8) != 0 ? unchecked((ulong)(int)word) : word;
                at += 4;
                return true;
            case 0 or 4 or 0xc:
                if (!view.TryUInt64(at, out value)) return false;
                at += 8;
                return true;
            default: return false;
        }
    }
}

/// <summary>LEB128 numbers (DWARF 5, 7.6) of at most 64 bits; longer ones are refused.</summary>
internal static class Leb
{
    private const int LongestEncoding = 10;

    public static bool TryUnsigned(ByteView view, ref ulong at, out ulong value)
    {
        value = 0;
        for (var i = 0; i < LongestEncoding && view.TryByte(at, out var next); i++)
        {
            at++;
            value |= (ulong)(next & 0x7f) << (7 * i);
            if (next < 0x80) return true;
        }
        return false;
    }

    public static bool TrySigned(ByteView view, ref ulong at, out long value)
    {
        var start = at;
        var found = TryUnsigned(view, ref at, out var bits);
        value = unchecked((long)bits);
        if (!found) return false;
        view.TryByte(at - 1, out var last);
        var width = (int)(at - start) * 7;
        if ((last & 0x40) != 0 && width < 64) value |= -1L << width;
        return true;
    }
}
