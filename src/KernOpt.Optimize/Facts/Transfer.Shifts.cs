using Iced.Intel;

namespace KernOpt.Optimize.Facts;

internal sealed partial class Transfer
{
    private const RflagsBits ShiftFlags = MachineFacts.StatusFlags;

    private bool ApplyShift(in Instruction i, MachineFacts facts)
    {
        if (i.Mnemonic is not (Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar or Mnemonic.Rol or Mnemonic.Ror)) return false;
        var width = Width(i, 0);
        var value = Read(i, 0, facts);
        var rotates = i.Mnemonic is Mnemonic.Rol or Mnemonic.Ror;
        var amount = (i.Op1Kind == OpKind.Register ? facts[i.Op1Register] : KnownBits.Of(i.Immediate8)) & KnownBits.Of(width == 64 ? 63u : 31u);
        if (!amount.IsConstant)
        {
            facts.ForgetFlags(rotates ? RflagsBits.CF | RflagsBits.OF : ShiftFlags);
            Write(i, facts, KnownBits.UnknownOf(width));
            return true;
        }
        var count = (int)amount.Value;
        if (count == 0) Write(i, facts, value);
        else if (rotates) Rotate(i, value, count, width, facts);
        else Shift(i, value, count, width, facts);
        return true;
    }

    private static void Rotate(in Instruction i, KnownBits value, int count, int width, MachineFacts facts)
    {
        var left = (i.Mnemonic == Mnemonic.Rol ? count : width - count % width) % width;
        facts.ForgetFlags(RflagsBits.CF | RflagsBits.OF);
        if (left == 0)
        {
            Write(i, facts, value);
            return;
        }
        var high = value.ShiftLeft(left).Trim(width);
        Write(i, facts, high | value.ShiftRight(width - left));
    }

    private static void Shift(in Instruction i, KnownBits value, int count, int width, MachineFacts facts)
    {
        var sign = value.Bit(width - 1);
        var result = i.Mnemonic switch
        {
            Mnemonic.Shr => value.ShiftRight(count),
            Mnemonic.Sar => ArithmeticRight(value, count, width),
            _ => value.ShiftLeft(count).Trim(width),
        };
        SetResultFlags(result, width, facts);
        facts.SetFlag(RflagsBits.AF, null);
        var carry = i.Mnemonic switch
        {
            Mnemonic.Shr => count <= width ? value.Bit(count - 1) : null,
            Mnemonic.Sar => count <= width ? value.Bit(count - 1) : sign,
            _ => count <= width ? value.Bit(width - count) : null,
        };
        // SDM: for shl and shr CF is undefined when the count is not below the width; OF is defined for a count of 1 only.
        if (count >= width && i.Mnemonic != Mnemonic.Sar) carry = null;
        facts.SetFlag(RflagsBits.CF, carry);
        bool? overflow = i.Mnemonic switch
        {
            Mnemonic.Shr => sign,
            Mnemonic.Sar => false,
            _ => result.Bit(width - 1) ^ carry,
        };
        facts.SetFlag(RflagsBits.OF, count == 1 ? overflow : null);
        Write(i, facts, result);
    }

    private static KnownBits ArithmeticRight(KnownBits value, int count, int width)
    {
        var wide = value.SignExtend(width);
        var shift = Math.Min(count, 63);
        // Both mask and value are shifted in with copies of the top bit: an unknown sign stays unknown all the way down.
        var mask = (ulong)((long)wide.Mask >> shift);
        return new KnownBits(mask, (ulong)((long)wide.Value >> shift) & mask).Trim(width);
    }
}
