namespace KernOpt.Target;

/// <summary>A virtual address in the target. Arithmetic wraps, as the processor's does.</summary>
public readonly record struct Address(ulong Value) : IComparable<Address>
{
    public static readonly Address Zero;

    public static Address operator +(Address a, ulong bytes) => new(unchecked(a.Value + bytes));
    public static Address operator +(Address a, long bytes) => new(unchecked(a.Value + (ulong)bytes));
    public static Address operator +(Address a, int bytes) => new(unchecked(a.Value + (ulong)(long)bytes));
    public static Address operator -(Address a, ulong bytes) => new(unchecked(a.Value - bytes));
    public static Address operator -(Address a, int bytes) => new(unchecked(a.Value - (ulong)(long)bytes));

    /// <summary>The signed distance in bytes from <paramref name="b"/> to <paramref name="a"/>.</summary>
    public static long operator -(Address a, Address b) => unchecked((long)(a.Value - b.Value));

    public static bool operator <(Address a, Address b) => a.Value < b.Value;
    public static bool operator >(Address a, Address b) => a.Value > b.Value;
    public static bool operator <=(Address a, Address b) => a.Value <= b.Value;
    public static bool operator >=(Address a, Address b) => a.Value >= b.Value;

    public int CompareTo(Address other) => Value.CompareTo(other.Value);

    /// <summary>This address rounded down to a multiple of <paramref name="size"/>, a power of two.</summary>
    public Address AlignDown(ulong size) => new(Value & ~(size - 1));

    /// <summary>This address rounded up to a multiple of <paramref name="size"/>, a power of two.</summary>
    public Address AlignUp(ulong size) => new(unchecked(Value + size - 1) & ~(size - 1));

    public override string ToString() => $"0x{Value:x}";
}

/// <summary>The half-open range [Start, End). Length is in bytes.</summary>
public readonly record struct AddressRange(Address Start, ulong Length)
{
    public Address End => Start + Length;

    public static AddressRange Between(Address start, Address end) => new(start, end.Value - start.Value);

    public bool Contains(Address a) => unchecked(a.Value - Start.Value) < Length;

    public bool Contains(AddressRange other) => other.Start >= Start && other.End <= End;

    public bool Overlaps(AddressRange other) => Start < other.End && other.Start < End;

    public override string ToString() => $"[{Start}, {End})";
}
