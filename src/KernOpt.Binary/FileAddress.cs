namespace KernOpt.Binary;

/// <summary>An address as the file itself counts it (st_value, p_vaddr). Live address = this + the module's load bias. Arithmetic wraps.</summary>
public readonly record struct FileAddress(ulong Value) : IComparable<FileAddress>
{
    public static FileAddress operator +(FileAddress a, ulong bytes) => new(unchecked(a.Value + bytes));

    /// <summary>The distance in bytes from <paramref name="b"/> up to <paramref name="a"/>, modulo 2^64.</summary>
    public static ulong operator -(FileAddress a, FileAddress b) => unchecked(a.Value - b.Value);

    public static bool operator <(FileAddress a, FileAddress b) => a.Value < b.Value;
    public static bool operator >(FileAddress a, FileAddress b) => a.Value > b.Value;
    public static bool operator <=(FileAddress a, FileAddress b) => a.Value <= b.Value;
    public static bool operator >=(FileAddress a, FileAddress b) => a.Value >= b.Value;

    public int CompareTo(FileAddress other) => Value.CompareTo(other.Value);

    public override string ToString() => $"0x{Value:x}";
}

/// <summary>The half-open range [Start, End) of file addresses; Length is in bytes.</summary>
public readonly record struct FileRange(FileAddress Start, ulong Length)
{
    public FileAddress End => Start + Length;

    public bool Contains(FileAddress a) => a - Start < Length;

    public override string ToString() => $"[{Start}, {End})";
}
