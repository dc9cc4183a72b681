using System.Numerics;
using Iced.Intel;

namespace KernOpt.Optimize.Facts;

internal sealed partial class Transfer
{
    private bool ApplyArithmetic(in Instruction i, MachineFacts facts)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Add:
                WithDistance(i, facts, Sum(i, facts, carry: false), sign: 1);
                return true;
            case Mnemonic.Adc:
                Write(i, facts, Sum(i, facts, facts.Flag(RflagsBits.CF)));
                return true;
            case Mnemonic.Sub:
                WithDistance(i, facts, Difference(i, facts, borrow: false), sign: -1);
                return true;
            case Mnemonic.Sbb:
                Write(i, facts, Difference(i, facts, facts.Flag(RflagsBits.CF)));
                return true;
            case Mnemonic.Cmp:
                Difference(i, facts, borrow: false);
                return true;
            case Mnemonic.Neg:
                Write(i, facts, Subtract(KnownBits.Zero, Read(i, 0, facts), false, Width(i, 0), facts));
                return true;
            case Mnemonic.Inc or Mnemonic.Dec:
                Step(i, facts);
                return true;
            case Mnemonic.Not:
                Write(i, facts, (~Read(i, 0, facts)).Trim(Width(i, 0)));
                return true;
            case Mnemonic.And:
                Write(i, facts, Logic(Read(i, 0, facts) & Read(i, 1, facts), i, facts));
                return true;
            case Mnemonic.Or:
                Write(i, facts, Logic(Read(i, 0, facts) | Read(i, 1, facts), i, facts));
                return true;
            case Mnemonic.Xor:
                Write(i, facts, Logic(IsSameRegister(i) ? KnownBits.Zero : Read(i, 0, facts) ^ Read(i, 1, facts), i, facts));
                return true;
            case Mnemonic.Test:
                Logic(Read(i, 0, facts) & Read(i, 1, facts), i, facts);
                return true;
            default:
                return false;
        }
    }

    internal static bool IsSameRegister(in Instruction i) =>
        i.Op0Kind == OpKind.Register && i.Op1Kind == OpKind.Register && i.Op0Register == i.Op1Register;

    /// <summary>add and sub of a constant keep a distance to the entry's rsp.</summary>
    private static void WithDistance(in Instruction i, MachineFacts facts, KnownBits result, int sign)
    {
        long? distance = null;
        if (i.Op0Kind == OpKind.Register && i.Op1Kind != OpKind.Register && i.Op1Kind != OpKind.Memory && Width(i, 0) == 64)
            distance = facts.Distance(i.Op0Register) + sign * unchecked((long)i.GetImmediate(1));
        Write(i, facts, result);
        if (distance is not null) facts.SetDistance(i.Op0Register, distance);
    }

    private KnownBits Sum(in Instruction i, MachineFacts facts, bool? carry) =>
        AddWithFlags(Read(i, 0, facts), Read(i, 1, facts), carry, Width(i, 0), facts);

    private KnownBits Difference(in Instruction i, MachineFacts facts, bool? borrow)
    {
        var width = Width(i, 0);
        if (!IsSameRegister(i)) return Subtract(Read(i, 0, facts), Read(i, 1, facts), borrow, width, facts);
        if (borrow is { } known) return Subtract(KnownBits.Zero, KnownBits.Zero, known, width, facts);
        facts.ForgetFlags(MachineFacts.StatusFlags);
        return KnownBits.UnknownOf(width);
    }

    /// <summary>inc and dec leave CF alone.</summary>
    private void Step(in Instruction i, MachineFacts facts)
    {
        var carry = facts.Flag(RflagsBits.CF);
        var (value, width) = (Read(i, 0, facts), Width(i, 0));
        var result = i.Mnemonic == Mnemonic.Inc
            ? AddWithFlags(value, KnownBits.Of(1), false, width, facts)
            : Subtract(value, KnownBits.Of(1), false, width, facts);
        facts.SetFlag(RflagsBits.CF, carry);
        Write(i, facts, result);
    }

    private static KnownBits AddWithFlags(KnownBits a, KnownBits b, bool? carry, int width, MachineFacts facts)
    {
        var sum = KnownBits.Add(a, b, carry).Trim(width);
        SetResultFlags(sum, width, facts);
        facts.SetFlag(RflagsBits.CF, CarryOut(a, b, carry, width));
        facts.SetFlag(RflagsBits.AF, (a.Bit(4) ^ b.Bit(4)) ^ sum.Bit(4));
        // Overflow: the addends agree in sign and the sum does not.
        facts.SetFlag(RflagsBits.OF, !(a.Bit(width - 1) ^ b.Bit(width - 1)) & (a.Bit(width - 1) ^ sum.Bit(width - 1)));
        return sum;
    }

    /// <summary>a - b - borrow as a + ~b + !borrow; CF is the borrow, that is, the inverted carry.</summary>
    private static KnownBits Subtract(KnownBits a, KnownBits b, bool? borrow, int width, MachineFacts facts)
    {
        var inverse = (~b).Trim(width);
        var difference = KnownBits.Add(a, inverse, !borrow).Trim(width);
        SetResultFlags(difference, width, facts);
        if (borrow == false && KnownBits.Differ(a, b)) facts.SetFlag(RflagsBits.ZF, false);
        facts.SetFlag(RflagsBits.CF, !CarryOut(a, inverse, !borrow, width));
        facts.SetFlag(RflagsBits.AF, (a.Bit(4) ^ b.Bit(4)) ^ difference.Bit(4));
        facts.SetFlag(RflagsBits.OF, (a.Bit(width - 1) ^ b.Bit(width - 1)) & (a.Bit(width - 1) ^ difference.Bit(width - 1)));
        return difference;
    }

    private static bool? CarryOut(KnownBits a, KnownBits b, bool? carry, int width)
    {
        var least = (UInt128)a.Minimum + b.Minimum + (carry == true ? 1u : 0u);
        var most = (UInt128)a.Maximum + b.Maximum + (carry == false ? 0u : 1u);
        var (low, high) = ((least >> width) != 0, (most >> width) != 0);
        return low == high ? low : null;
    }

    /// <summary>and, or, xor, test: CF and OF are cleared, AF is undefined.</summary>
    private static KnownBits Logic(KnownBits result, in Instruction i, MachineFacts facts)
    {
        var width = Width(i, 0);
        SetResultFlags(result, width, facts);
        facts.SetFlag(RflagsBits.CF, false);
        facts.SetFlag(RflagsBits.OF, false);
        facts.SetFlag(RflagsBits.AF, null);
        return result;
    }

    /// <summary>ZF, SF and PF of a result; the others are not touched.</summary>
    private static void SetResultFlags(KnownBits result, int width, MachineFacts facts)
    {
        facts.SetFlag(RflagsBits.ZF, result.Value != 0 ? false : result.Maximum == 0 ? true : null);
        facts.SetFlag(RflagsBits.SF, result.Bit(width - 1));
        bool? even = (result.Mask & 0xff) == 0xff ? BitOperations.PopCount(result.Value & 0xff) % 2 == 0 : null;
        facts.SetFlag(RflagsBits.PF, even);
    }
}
