using Iced.Intel;

namespace KernOpt.Optimize.Facts;

internal sealed partial class Transfer
{
    private bool ApplyStack(in Instruction i, MachineFacts facts)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Push when StackBytes(i) == 8:
                Push(i, facts);
                return true;
            case Mnemonic.Pop when StackBytes(i) == 8 && i.Op0Kind == OpKind.Register && i.Op0Register.IsGPR64():
                Pop(i.Op0Register, facts);
                return true;
            case Mnemonic.Leave when i.Code == Iced.Intel.Code.Leaveq:
                Leave(facts);
                return true;
            default:
                return false;
        }
    }

    private static int StackBytes(in Instruction i) => Math.Abs(i.StackPointerIncrement);

    private void Push(in Instruction i, MachineFacts facts)
    {
        var value = i.Op0Kind is OpKind.Immediate8to64 or OpKind.Immediate32to64 ? KnownBits.Of(i.GetImmediate(0)) : Read(i, 0, facts);
        var top = facts.Distance(Register.RSP) - 8;
        MoveStackPointer(facts, top);
        if (top is { } distance && frameIsPrivate) facts.SetSlots(facts.Slots.Store(distance, 8, value));
        else facts.SetSlots(StackSlots.None);
    }

    /// <summary>pop rsp takes the loaded value, so the pointer moves first.</summary>
    private static void Pop(Register register, MachineFacts facts)
    {
        var top = facts.Distance(Register.RSP);
        var value = top is { } at ? facts.Slots.Load(at, 8) ?? KnownBits.Unknown : KnownBits.Unknown;
        MoveStackPointer(facts, top + 8);
        facts.Write(register, value);
    }

    private static void Leave(MachineFacts facts)
    {
        var frame = facts.Distance(Register.RBP);
        var value = frame is { } at ? facts.Slots.Load(at, 8) ?? KnownBits.Unknown : KnownBits.Unknown;
        MoveStackPointer(facts, frame + 8);
        facts.Write(Register.RBP, value);
    }

    private static void MoveStackPointer(MachineFacts facts, long? distance)
    {
        facts.Write(Register.RSP, KnownBits.Unknown);
        facts.SetDistance(Register.RSP, distance);
    }
}
