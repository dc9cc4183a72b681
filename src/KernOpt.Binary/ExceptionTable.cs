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
}
