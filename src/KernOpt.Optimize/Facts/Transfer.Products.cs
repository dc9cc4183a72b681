using Iced.Intel;

namespace KernOpt.Optimize.Facts;

internal sealed partial class Transfer
{
    private bool ApplyProduct(in Instruction i, MachineFacts facts)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Imul when i.OpCount >= 2:
                Multiply(i, facts);
                return true;
            case Mnemonic.Mul or Mnemonic.Imul:
                MultiplyWide(i, facts);
                return true;
            case Mnemonic.Div or Mnemonic.Idiv when Width(i, 0) >= 16:
                Divide(i, facts);
                return true;
            default:
                return false;
        }
    }

    /// <summary>The low half of a product is the same for signed and unsigned factors.</summary>
    private void Multiply(in Instruction i, MachineFacts facts)
    {
        var width = Width(i, 0);
        var first = Read(i, i.OpCount == 3 ? 1 : 0, facts);
        var second = Read(i, i.OpCount == 3 ? 2 : 1, facts);
        facts.ForgetFlags(MachineFacts.StatusFlags);
        if (first.IsConstant && second.IsConstant)
        {
            var exact = (Int128)Signed(first, width) * Signed(second, width);
            var fits = exact == Signed(KnownBits.Of((ulong)(UInt128)exact).Trim(width), width);
            facts.SetFlag(RflagsBits.CF, !fits);
            facts.SetFlag(RflagsBits.OF, !fits);
        }
        facts.Write(i.Op0Register, (first * second).Trim(width));
    }

    private static long Signed(KnownBits value, int width) => (long)value.SignExtend(width).Value;

    /// <summary>rdx:rax = rax * source (ax = al * source). CF and OF tell whether the high half matters; the others are undefined.</summary>
    private void MultiplyWide(in Instruction i, MachineFacts facts)
    {
        var width = Width(i, 0);
        var (low, high) = Halves(width);
        var (first, second) = (facts[low], Read(i, 0, facts));
        facts.ForgetFlags(MachineFacts.StatusFlags);
        var top = KnownBits.UnknownOf(width);
        if (first.IsConstant && second.IsConstant)
        {
            var product = i.Mnemonic == Mnemonic.Mul
                ? (UInt128)first.Value * second.Value
                : (UInt128)((Int128)Signed(first, width) * Signed(second, width));
            top = KnownBits.Of((ulong)(product >> width)).Trim(width);
        }
        else if (i.Mnemonic == Mnemonic.Mul && ((UInt128)first.Maximum * second.Maximum) >> width == 0)
        {
            top = KnownBits.Zero;
        }
        if (i.Mnemonic == Mnemonic.Mul && top.IsConstant)
        {
            facts.SetFlag(RflagsBits.CF, top.Value != 0);
            facts.SetFlag(RflagsBits.OF, top.Value != 0);
        }
        facts.Write(low, (first * second).Trim(width));
        facts.Write(high, top);
    }

    /// <summary>
    /// A division that would fault yields nothing. Unsigned ones with a zero high half are bounded: the remainder is below the divisor.
    /// </summary>
    private void Divide(in Instruction i, MachineFacts facts)
    {
        var width = Width(i, 0);
        var (low, high) = Halves(width);
        var (bottom, top, divisor) = (facts[low], facts[high], Read(i, 0, facts));
        facts.ForgetFlags(MachineFacts.StatusFlags);
        var (quotient, remainder) = (KnownBits.UnknownOf(width), KnownBits.UnknownOf(width));
        if (bottom.IsConstant && top.IsConstant && divisor.IsConstant)
        {
            if (Division.TryCompute(i.Mnemonic == Mnemonic.Idiv, width, bottom.Value, top.Value, divisor.Value, out var q, out var r))
                (quotient, remainder) = (KnownBits.Of(q), KnownBits.Of(r));
        }
        else if (i.Mnemonic == Mnemonic.Div && top == KnownBits.Zero && divisor.Minimum != 0)
        {
            quotient = KnownBits.AtMost(bottom.Maximum / divisor.Minimum);
            remainder = KnownBits.AtMost(Math.Min(bottom.Maximum, divisor.Maximum - 1));
        }
        facts.Write(low, quotient);
        facts.Write(high, remainder);
    }

    private static (Register Low, Register High) Halves(int width) => width switch
    {
        8 => (Register.AL, Register.AH),
        16 => (Register.AX, Register.DX),
        32 => (Register.EAX, Register.EDX),
        _ => (Register.RAX, Register.RDX),
    };
}

/// <summary>div and idiv on numbers.</summary>
internal static class Division
{
    /// <summary>False where the processor raises #DE: a zero divisor or a quotient that does not fit.</summary>
    public static bool TryCompute(bool signed, int width, ulong low, ulong high, ulong divisor, out ulong quotient, out ulong remainder)
    {
        (quotient, remainder) = (0, 0);
        if (divisor == 0) return false;
        var dividend = ((UInt128)high << width) | low;
        if (!signed)
        {
            if (dividend / divisor > KnownBits.Ones(width)) return false;
            (quotient, remainder) = ((ulong)(dividend / divisor), (ulong)(dividend % divisor));
            return true;
        }
        var spare = 128 - 2 * width;
        var number = (Int128)(dividend << spare) >> spare;
        var by = (Int128)((long)(divisor << (64 - width)) >> (64 - width));
        var limit = (Int128)1 << (width - 1);
        // The 128-bit minimum over -1 cannot be computed in 128 bits and does not fit anyway.
        if (by == -1 && number == Int128.MinValue) return false;
        var result = number / by;
        if (result >= limit || result < -limit) return false;
        quotient = (ulong)(UInt128)result & KnownBits.Ones(width);
        remainder = (ulong)(UInt128)(number % by) & KnownBits.Ones(width);
        return true;
    }
}
