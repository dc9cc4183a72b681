using Iced.Intel;

namespace KernOpt.Optimize.Facts;

internal sealed partial class Transfer
{
    private bool ApplyMove(in Instruction i, MachineFacts facts)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Mov when IsGeneral(i, 0) && IsGeneral(i, 1):
                Move(i, facts);
                return true;
            case Mnemonic.Movzx:
                facts.Write(i.Op0Register, Read(i, 1, facts));
                return true;
            case Mnemonic.Movsx or Mnemonic.Movsxd:
                facts.Write(i.Op0Register, Read(i, 1, facts).SignExtend(Width(i, 1)));
                return true;
            case Mnemonic.Lea:
                LoadAddress(i, facts);
                return true;
            case Mnemonic.Xchg when i.Op0Kind == OpKind.Register && i.Op1Kind == OpKind.Register:
                Exchange(i, facts);
                return true;
            case Mnemonic.Cbw:
                facts.Write(Register.AX, facts[Register.AL].SignExtend(8));
                return true;
            case Mnemonic.Cwde:
                facts.Write(Register.EAX, facts[Register.AX].SignExtend(16));
                return true;
            case Mnemonic.Cdqe:
                facts.Write(Register.RAX, facts[Register.EAX].SignExtend(32));
                return true;
            case Mnemonic.Cwd:
                facts.Write(Register.DX, facts[Register.AX].SignExtend(16).ShiftRight(16));
                return true;
            case Mnemonic.Cdq:
                facts.Write(Register.EDX, facts[Register.EAX].SignExtend(32).ShiftRight(32));
                return true;
            case Mnemonic.Cqo:
                facts.Write(Register.RDX, SignOf(facts[Register.RAX]));
                return true;
            default:
                return i.ConditionCode != ConditionCode.None && ApplyConditional(i, facts);
        }
    }

    private static KnownBits SignOf(KnownBits value) => value.Bit(63) switch
    {
        null => KnownBits.Unknown,
        true => KnownBits.Of(ulong.MaxValue),
        false => KnownBits.Zero,
    };

    private void Move(in Instruction i, MachineFacts facts)
    {
        var distance = i.Op1Kind == OpKind.Register ? facts.Distance(i.Op1Register) : null;
        Write(i, facts, Read(i, 1, facts));
        if (i.Op0Kind == OpKind.Register && distance is not null) facts.SetDistance(i.Op0Register, distance);
    }

    private static void LoadAddress(in Instruction i, MachineFacts facts)
    {
        var distance = MachineFacts.WidthOf(i.Op0Register) == 64 ? FrameDistance(i, facts) : null;
        facts.Write(i.Op0Register, Address(i, facts));
        if (distance is not null) facts.SetDistance(i.Op0Register, distance);
    }

    private static void Exchange(in Instruction i, MachineFacts facts)
    {
        var (first, second) = (facts[i.Op0Register], facts[i.Op1Register]);
        var (near, far) = (facts.Distance(i.Op0Register), facts.Distance(i.Op1Register));
        facts.Write(i.Op0Register, second);
        facts.Write(i.Op1Register, first);
        if (far is not null) facts.SetDistance(i.Op0Register, far);
        if (near is not null) facts.SetDistance(i.Op1Register, near);
    }

    /// <summary>setcc and cmovcc. A 32-bit cmov zeroes the upper half also when it does not move.</summary>
    private bool ApplyConditional(in Instruction i, MachineFacts facts)
    {
        var holds = Conditions.Holds(i.ConditionCode, facts);
        if (i.IsSetcc())
        {
            Write(i, facts, holds switch { null => KnownBits.UnknownOf(1), true => KnownBits.Of(1), false => KnownBits.Zero });
            return true;
        }
        if (!i.IsCmovcc()) return false;
        var (kept, moved) = (Read(i, 0, facts), Read(i, 1, facts));
        facts.Write(i.Op0Register, holds switch { null => KnownBits.Join(kept, moved), true => moved, false => kept });
        return true;
    }
}

/// <summary>Kinds of instruction that Iced tells by code only.</summary>
internal static class InstructionKinds
{
    public static bool IsSetcc(this in Instruction i) => i.Mnemonic is >= Mnemonic.Seta and <= Mnemonic.Sets && i.ConditionCode != ConditionCode.None;

    public static bool IsCmovcc(this in Instruction i) => i.Mnemonic is >= Mnemonic.Cmova and <= Mnemonic.Cmovs && i.ConditionCode != ConditionCode.None;
}
