using System.Numerics;
using Iced.Intel;

namespace KernOpt.Optimize.Passes;

/// <summary>
/// What a division leaves that is read later, and where it may work: rax holds the dividend; rax and rdx get the results and may be used freely;
/// Scratch is a further free register, or None.
/// </summary>
internal readonly record struct DivisionShape(bool NeedsQuotient, bool NeedsRemainder, Register Scratch, bool DividendIsZeroExtended, ulong LargestDividend)
{
    public bool HasScratch => Scratch != Register.None;
}

/// <summary>
/// Divisions by a constant as multiplications by its scaled reciprocal (T. Granlund and P. Montgomery, "Division by Invariant Integers using Multiplication",
/// PLDI 1994), and 32-bit remainders directly from the fraction (D. Lemire, O. Kaser, N. Kurz, "Faster Remainder by Direct Computation", 2019). Each method
/// answers whether it could do it with the registers that are free.
/// </summary>
internal static class DivisionByConstant
{
    private const Register Low = Register.RAX;
    private const Register High = Register.RDX;

    /// <summary>div by a constant other than 0, with rdx (edx) zero.</summary>
    public static bool TryUnsigned(CodeList code, ulong divisor, DivisionShape shape)
    {
        if (!shape.NeedsQuotient && !shape.NeedsRemainder) return true;
        if (BitOperations.IsPow2(divisor)) return UnsignedPower(code, BitOperations.Log2(divisor), shape);
        return code.Width == 32 ? Unsigned32(code, divisor, shape) : Unsigned64(code, divisor, shape);
    }

    private static bool UnsignedPower(CodeList code, int log, DivisionShape shape)
    {
        if (shape.NeedsRemainder)
        {
            var mask = (1UL << log) - 1;
            if (mask == 0) code.Clear(High);
            else if (mask <= int.MaxValue) code.Move(High, Low).And(High, (uint)mask);
            else code.Load(High, mask).And(High, Low);
        }
        if (!shape.NeedsQuotient) return true;
        if (log == 0 && code.Width == 32) code.ZeroExtend(Low);
        code.ShiftRight(Low, log);
        return true;
    }

    /// <summary>
    /// With c = ceil(2^64 / d), x * c is the quotient in its upper half and the fraction in its lower; fraction * d is the remainder in its upper half. Exact for all
    /// 32-bit x and d, for c is off by less than d and x * d is below 2^64.
    /// </summary>
    private static bool Unsigned32(CodeList code, ulong divisor, DivisionShape shape)
    {
        if (shape is { NeedsQuotient: true, NeedsRemainder: true, HasScratch: false }) return false;
        if (!shape.DividendIsZeroExtended) code.ZeroExtend(Low);
        code.Load(High, ulong.MaxValue / divisor + 1);
        if (!shape.NeedsRemainder)
        {
            code.MultiplyHigh(High).Move(Low, High);
            return true;
        }
        if (shape.NeedsQuotient) code.MultiplyHigh(High).Move(shape.Scratch, High);
        else code.MultiplyLong(Low, High);
        code.Load(High, divisor).MultiplyHigh(High);
        if (shape.NeedsQuotient) code.Move(Low, shape.Scratch);
        return true;
    }

    /// <summary>q = x * m >> 64 + s, with one more addition where m would need 65 bits.</summary>
    private static bool Unsigned64(CodeList code, ulong divisor, DivisionShape shape)
    {
        var reciprocal = Reciprocal.Unsigned(divisor, shape.LargestDividend);
        if ((shape.NeedsRemainder || reciprocal.NeedsAddition) && !shape.HasScratch) return false;
        if (shape.HasScratch) code.Move(shape.Scratch, Low);
        code.Load(High, reciprocal.Factor).MultiplyHigh(High);
        if (reciprocal.NeedsAddition)
        {
            // (((x - t) >> 1) + t) >> s - 1: the sum of x and t without its 65th bit.
            code.Move(Low, shape.Scratch).Subtract(Low, High).ShiftRight(Low, 1).Add(Low, High).ShiftRight(Low, reciprocal.Shift - 1);
        }
        else
        {
            code.ShiftRight(High, reciprocal.Shift).Move(Low, High);
        }
        if (shape.NeedsRemainder) RemainderFromQuotient(code, (long)divisor, shape.Scratch);
        return true;
    }

    /// <summary>From rax = q and the scratch = x: rdx = x - q * d.</summary>
    private static void RemainderFromQuotient(CodeList code, long divisor, Register dividend) =>
        code.Multiply(High, Low, divisor).Subtract(dividend, High).Move(High, dividend);

    /// <summary>idiv by a constant other than 0 and -1, with rdx (edx) the sign of rax (eax).</summary>
    public static bool TrySigned(CodeList code, long divisor, DivisionShape shape)
    {
        if (!shape.NeedsQuotient && !shape.NeedsRemainder) return true;
        if (divisor == long.MinValue) return false;
        if (divisor == 1) return UnsignedPower(code, 0, shape);
        var size = (ulong)Math.Abs(divisor);
        if (BitOperations.IsPow2(size)) return SignedPower(code, BitOperations.Log2(size), divisor < 0, shape);
        return code.Width == 32 ? Signed32(code, divisor, shape) : Signed64(code, divisor, shape);
    }

    /// <summary>Rounds towards zero: a negative dividend gets 2^k - 1 added first.</summary>
    private static bool SignedPower(CodeList code, int log, bool isNegative, DivisionShape shape)
    {
        if (log is 0 or > 30 || shape is { NeedsQuotient: true, NeedsRemainder: true, HasScratch: false }) return false;
        code.Move(High, Low).ShiftRightSigned(High, code.Width - 1).ShiftRight(High, code.Width - log).Add(Low, High);
        if (shape.NeedsRemainder)
        {
            var rest = shape.NeedsQuotient ? shape.Scratch : Low;
            code.Move(rest, Low).And(rest, (uint)((1UL << log) - 1)).Subtract(rest, High).Move(High, rest);
        }
        if (!shape.NeedsQuotient) return true;
        code.ShiftRightSigned(Low, log);
        if (isNegative) code.Negate(Low);
        return true;
    }

    /// <summary>The product fits 64 bits, so that the dividend can stay in rax.</summary>
    private static bool Signed32(CodeList code, long divisor, DivisionShape shape)
    {
        if (shape is { NeedsQuotient: true, NeedsRemainder: true, HasScratch: false }) return false;
        var size = (ulong)Math.Abs(divisor);
        var shift = 32 + BitOperations.Log2(size);
        code.SignExtend(Low).Load(High, (ulong)((UInt128.One << shift) / size) + 1).MultiplyLong(High, Low).ShiftRightLong(High, shift).AddSign(High, Low);
        if (divisor < 0) code.Negate(High);
        if (!shape.NeedsRemainder)
        {
            code.Move(Low, High);
            return true;
        }
        if (shape.NeedsQuotient) code.Move(shape.Scratch, High);
        code.Multiply(High, High, divisor).Subtract(Low, High).Move(High, Low);
        if (shape.NeedsQuotient) code.Move(Low, shape.Scratch);
        return true;
    }

    private static bool Signed64(CodeList code, long divisor, DivisionShape shape)
    {
        if (!shape.HasScratch) return false;
        var reciprocal = Reciprocal.Signed((ulong)Math.Abs(divisor));
        code.Move(shape.Scratch, Low).Load(High, reciprocal.Factor).MultiplyHighSigned(High);
        // A factor of 2^63 and more is negative to imul: the product lacks 2^64 * x.
        if (reciprocal.NeedsAddition) code.Add(High, shape.Scratch);
        code.ShiftRightSigned(High, reciprocal.Shift).AddSign(High, shape.Scratch);
        if (divisor < 0) code.Negate(High);
        code.Move(Low, High);
        if (shape.NeedsRemainder) RemainderFromQuotient(code, divisor, shape.Scratch);
        return true;
    }
}

/// <summary>A factor of 64 bits and a shift: x / d = x * Factor >> 64 + Shift; NeedsAddition: with a 65th bit (unsigned) or a sign (signed) to make up for.</summary>
internal readonly record struct Reciprocal(ulong Factor, int Shift, bool NeedsAddition)
{
    /// <summary>
    /// For d not a power of two. With m = floor(2^(64+s) / d) + 1 and e = m * d - 2^(64+s), the result is exact as long as x * e is below 2^(64+s).
    /// </summary>
    public static Reciprocal Unsigned(ulong divisor, ulong largest)
    {
        var bits = BitOperations.Log2(divisor) + 1;
        for (var shift = 0; shift < bits; shift++)
        {
            var (factor, error) = Scaled(divisor, shift);
            if (factor <= ulong.MaxValue && error * largest < BigInteger.One << (64 + shift)) return new((ulong)factor, shift, false);
        }
        var (wide, _) = Scaled(divisor, bits);
        return new((ulong)(wide - (BigInteger.One << 64)), bits, true);
    }

    /// <summary>For 64-bit two's complement dividends; |x| is at most 2^63.</summary>
    public static Reciprocal Signed(ulong divisor)
    {
        for (var shift = 0; ; shift++)
        {
            var (factor, error) = Scaled(divisor, shift);
            if (error << 63 <= BigInteger.One << (64 + shift)) return new((ulong)factor, shift, factor >> 63 != 0);
        }
    }

    private static (BigInteger Factor, BigInteger Error) Scaled(ulong divisor, int shift)
    {
        var one = BigInteger.One << (64 + shift);
        var factor = one / divisor + 1;
        return (factor, factor * divisor - one);
    }
}
