using System.Buffers.Binary;
using System.Numerics;
using Iced.Intel;

namespace KernOpt.Optimize.Facts;

internal sealed partial class Transfer
{
    private bool ApplyBits(in Instruction i, MachineFacts facts)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc when i.Op0Kind == OpKind.Register:
                TestBit(i, facts);
                return true;
            case Mnemonic.Bsf or Mnemonic.Bsr:
                ScanBits(i, facts);
                return true;
            case Mnemonic.Tzcnt or Mnemonic.Lzcnt or Mnemonic.Popcnt:
                CountBits(i, facts);
                return true;
            case Mnemonic.Bswap:
                SwapBytes(i, facts);
                return true;
            case Mnemonic.Stc or Mnemonic.Clc:
                facts.SetFlag(RflagsBits.CF, i.Mnemonic == Mnemonic.Stc);
                return true;
            case Mnemonic.Cmc:
                facts.SetFlag(RflagsBits.CF, !facts.Flag(RflagsBits.CF));
                return true;
            default:
                return false;
        }
    }

    /// <summary>CF gets the bit, ZF is kept, the others are undefined.</summary>
    private void TestBit(in Instruction i, MachineFacts facts)
    {
        var width = Width(i, 0);
        var value = Read(i, 0, facts);
        var index = Read(i, 1, facts) & KnownBits.Of((ulong)width - 1);
        facts.ForgetFlags(MachineFacts.StatusFlags & ~RflagsBits.ZF);
        if (!index.IsConstant)
        {
            if (i.Mnemonic != Mnemonic.Bt) Write(i, facts, KnownBits.UnknownOf(width));
            return;
        }
        facts.SetFlag(RflagsBits.CF, value.Bit((int)index.Value));
        var bit = KnownBits.Of(1UL << (int)index.Value);
        if (i.Mnemonic == Mnemonic.Bts) Write(i, facts, value | bit);
        if (i.Mnemonic == Mnemonic.Btr) Write(i, facts, value & ~bit);
        if (i.Mnemonic == Mnemonic.Btc) Write(i, facts, value ^ bit);
    }

    /// <summary>With a zero source the destination is undefined and ZF is set; all other flags are undefined.</summary>
    private void ScanBits(in Instruction i, MachineFacts facts)
    {
        var from = Read(i, 1, facts);
        facts.ForgetFlags(MachineFacts.StatusFlags);
        if (from.Value != 0) facts.SetFlag(RflagsBits.ZF, false);
        if (from.Maximum == 0) facts.SetFlag(RflagsBits.ZF, true);
        if (!from.IsConstant || from.Value == 0)
        {
            facts.Forget(i.Op0Register.GetFullRegister());
            return;
        }
        var index = i.Mnemonic == Mnemonic.Bsf ? BitOperations.TrailingZeroCount(from.Value) : BitOperations.Log2(from.Value);
        facts.Write(i.Op0Register, KnownBits.Of((ulong)index));
    }

    /// <summary>
    /// tzcnt runs as bsf on processors without BMI1, which agrees for sources other than zero only, and in no flag: nothing more is claimed.
    /// </summary>
    private void CountBits(in Instruction i, MachineFacts facts)
    {
        var from = Read(i, 1, facts);
        var width = Width(i, 0);
        facts.ForgetFlags(MachineFacts.StatusFlags);
        if (!from.IsConstant || (i.Mnemonic == Mnemonic.Tzcnt && from.Value == 0))
        {
            if (i.Mnemonic == Mnemonic.Tzcnt && from.Value == 0) facts.Forget(i.Op0Register.GetFullRegister());
            else facts.Write(i.Op0Register, KnownBits.UnknownOf(7));
            return;
        }
        var count = i.Mnemonic switch
        {
            Mnemonic.Tzcnt => BitOperations.TrailingZeroCount(from.Value),
            Mnemonic.Lzcnt => BitOperations.LeadingZeroCount(from.Value) - (64 - width),
            _ => BitOperations.PopCount(from.Value),
        };
        facts.Write(i.Op0Register, KnownBits.Of((ulong)count));
    }

    private static void SwapBytes(in Instruction i, MachineFacts facts)
    {
        var value = facts[i.Op0Register];
        var swapped = new KnownBits(BinaryPrimitives.ReverseEndianness(value.Mask), BinaryPrimitives.ReverseEndianness(value.Value));
        facts.Write(i.Op0Register, MachineFacts.WidthOf(i.Op0Register) switch
        {
            64 => swapped,
            32 => new(swapped.Mask >> 32, swapped.Value >> 32),
            _ => KnownBits.Unknown,
        });
    }
}
