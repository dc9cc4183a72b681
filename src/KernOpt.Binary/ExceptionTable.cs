namespace KernOpt.Binary;

/// <summary>The language-specific data area of GCC and LLVM (.gcc_except_table).</summary>
public static class ExceptionTable
{
    /// <summary>
    /// Whether a frame can stop an exception: its table has types to catch or to allow. A table without types has cleanups only, which run and pass the
    /// exception on. A table that cannot be read counts as one that can.
    /// </summary>
    public static bool CanCatch(ElfImage image, FileAddress lsda)
    {
        var view = image.ViewAt(lsda);
        ulong at = 1;
        if (!view.TryByte(0, out var startEncoding) || !PointerReader.TryRead(view, ref at, startEncoding, lsda, default, out _)) return true;
        return !view.TryByte(at, out var typeEncoding) || typeEncoding != PointerReader.Omitted;
    }

    /// <summary>
    /// Where unwinding comes back into the function, each place once, in the order of the call-site table; empty when it only stops there (a table without landing pads). Null when the
    /// table cannot be read, or its calls are not those of the function, in order: then it is one of another form.
    /// </summary>
    /// <param name="image">The file.</param>
    /// <param name="lsda">The table.</param>
    /// <param name="function">The range whose unwind entry names the table: landing pads are counted from its start where the table names no other place.</param>
    public static IReadOnlyList<FileAddress>? LandingPads(ElfImage image, FileAddress lsda, FileRange function)
    {
        var view = image.ViewAt(lsda);
        ulong at = 1;
        if (!view.TryByte(0, out var startEncoding) || !PointerReader.TryRead(view, ref at, startEncoding, lsda, default, out var start) || start is { IsIndirect: true }) return null;
        if (!view.TryByte(at++, out var typeEncoding) || (typeEncoding != PointerReader.Omitted && !Leb.TryUnsigned(view, ref at, out _))) return null;
        // The format alone: these are distances, whatever the rest of the encoding says.
        if (!view.TryByte(at++, out var siteEncoding) || siteEncoding == PointerReader.Omitted || !PointerReader.IsKnown(siteEncoding)) return null;
        if (!Leb.TryUnsigned(view, ref at, out var length) || length > view.Length - at) return null;
        var pads = new List<FileAddress>();
        var seen = new HashSet<ulong>();
        ulong last = 0;
        for (var end = at + length; at < end;)
        {
            if (!PointerReader.TryReadValue(view, ref at, siteEncoding, out var from) || !PointerReader.TryReadValue(view, ref at, siteEncoding, out var bytes)) return null;
            if (from < last || bytes > function.Length || from > function.Length - bytes) return null;
            last = from + bytes;
            if (!PointerReader.TryReadValue(view, ref at, siteEncoding, out var pad) || !Leb.TryUnsigned(view, ref at, out _)) return null;
            if (pad != 0 && seen.Add(pad)) pads.Add((start?.Address ?? function.Start) + pad);
        }
        return pads;
    }
}
