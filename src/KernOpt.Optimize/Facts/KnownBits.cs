using System.Numerics;

namespace KernOpt.Optimize.Facts;

/// <summary>
/// What is known of a 64-bit value: where Mask has a one, the bit is that of Value; elsewhere it is unknown. Invariant: Value has ones only where
/// Mask has. Operations take values of a narrower width with the bits above it known to be zero, and <see cref="Trim"/> makes them so again.
/// </summary>
internal readonly record struct KnownBits(ulong Mask, ulong Value)
{
    public static readonly KnownBits Unknown;
    public static readonly KnownBits Zero = Of(0);

    public static KnownBits Of(ulong value) => new(ulong.MaxValue, value);

    /// <summary>Nothing known of the low bits; the rest is zero.</summary>
    public static KnownBits UnknownOf(int bits) => new(~Ones(bits), 0);

    public bool IsConstant => Mask == ulong.MaxValue;

    /// <summary>The smallest unsigned value that fits.</summary>
    public ulong Minimum => Value;

    /// <summary>The largest unsigned value that fits.</summary>
    public ulong Maximum => Value | ~Mask;

    public static ulong Ones(int bits) => bits >= 64 ? ulong.MaxValue : (1UL << bits) - 1;

    /// <summary>What holds for either.</summary>
    public static KnownBits Join(KnownBits a, KnownBits b)
    {
        var mask = a.Mask & b.Mask & ~(a.Value ^ b.Value);
        return new(mask, a.Value & mask);
    }

    /// <summary>What is known when both descriptions hold of the same value. Where they contradict each other the code is not reached, and either will do.</summary>
    public static KnownBits Both(KnownBits a, KnownBits b) => new(a.Mask | b.Mask, a.Value | (b.Value & ~a.Mask));

    /// <summary>The two cannot be equal: some bit is known in both and differs.</summary>
    public static bool Differ(KnownBits a, KnownBits b) => (a.Mask & b.Mask & (a.Value ^ b.Value)) != 0;

    /// <summary>The low bits, zero-extended.</summary>
    public KnownBits Trim(int bits) => new(Mask | ~Ones(bits), Value & Ones(bits));

    /// <summary>The low bits, sign-extended to 64.</summary>
    public KnownBits SignExtend(int bits)
    {
        var low = Trim(bits);
        if (bits >= 64) return low;
        return low.Bit(bits - 1) switch
        {
            null => new(low.Mask & Ones(bits), low.Value),
            true => new(ulong.MaxValue & (low.Mask | ~Ones(bits)), low.Value | ~Ones(bits)),
            false => low,
        };
    }

    /// <summary>One bit, or null when it is not known.</summary>
    public bool? Bit(int index) => (Mask >> index & 1) == 0 ? null : (Value >> index & 1) != 0;

    public static KnownBits operator ~(KnownBits a) => new(a.Mask, ~a.Value & a.Mask);

    /// <summary>A result bit is known where both are, and where either is a known zero.</summary>
    public static KnownBits operator &(KnownBits a, KnownBits b)
    {
        var value = a.Value & b.Value;
        return new((a.Mask & b.Mask) | (a.Mask & ~a.Value) | (b.Mask & ~b.Value), value);
    }

    /// <summary>A result bit is known where both are, and where either is a known one.</summary>
    public static KnownBits operator |(KnownBits a, KnownBits b) => new((a.Mask & b.Mask) | a.Value | b.Value, a.Value | b.Value);

    public static KnownBits operator ^(KnownBits a, KnownBits b)
    {
        var mask = a.Mask & b.Mask;
        return new(mask, (a.Value ^ b.Value) & mask);
    }

    /// <summary>
    /// a + b + carry, modulo 2^64. Carries grow with the addends, so the carry into a bit is known where the smallest and the largest addends agree
    /// on it.
    /// </summary>
    public static KnownBits Add(KnownBits a, KnownBits b, bool? carry)
    {
        unchecked
        {
            var least = a.Minimum + b.Minimum + (carry == true ? 1UL : 0);
            var most = a.Maximum + b.Maximum + (carry == false ? 0UL : 1);
            var carriesLeast = least ^ a.Minimum ^ b.Minimum;
            var carriesMost = most ^ a.Maximum ^ b.Maximum;
            var mask = a.Mask & b.Mask & ~(carriesLeast ^ carriesMost);
            return new(mask, least & mask);
        }
    }

    public static KnownBits operator +(KnownBits a, KnownBits b) => Add(a, b, carry: false);

    /// <summary>a * b, modulo 2^64: low bits are known as far as both are, trailing zeros add up, and leading zeros follow from the maxima.</summary>
    public static KnownBits operator *(KnownBits a, KnownBits b)
    {
        if (a.IsConstant && b.IsConstant) return Of(unchecked(a.Value * b.Value));
        var low = Math.Min(BitOperations.TrailingZeroCount(~a.Mask), BitOperations.TrailingZeroCount(~b.Mask));
        var zeros = Math.Min(64, BitOperations.TrailingZeroCount(a.Maximum) + BitOperations.TrailingZeroCount(b.Maximum));
        var mask = Ones(Math.Max(low, zeros));
        var value = unchecked(a.Value * b.Value) & Ones(low);
        var most = (UInt128)a.Maximum * b.Maximum;
        if (most <= ulong.MaxValue) mask |= ~Ones(64 - BitOperations.LeadingZeroCount((ulong)most));
        return new(mask, value & mask);
    }

    public KnownBits ShiftLeft(int count) => count >= 64 ? Zero : new(Mask << count | Ones(count), Value << count);

    public KnownBits ShiftRight(int count) => count >= 64 ? Zero : new(Mask >> count | ~(ulong.MaxValue >> count), Value >> count);

    /// <summary>No value above the bound: the bits above its highest one are zero.</summary>
    public static KnownBits AtMost(ulong bound) => UnknownOf(64 - BitOperations.LeadingZeroCount(bound));

    public override string ToString() => IsConstant ? $"0x{Value:x}" : Mask == 0 ? "?" : $"0x{Value:x}/0x{Mask:x}";
}
