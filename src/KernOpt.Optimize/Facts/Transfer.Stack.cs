using Iced.Intel;

namespace KernOpt.Optimize.Facts;

internal sealed partial class Transfer
{
    private static bool ApplyStack(in Instruction i, MachineFacts facts)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Push when StackBytes(i) == 8:
                MoveStackPointer(facts, facts.Distance(Register.RSP) - 8);
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

    /// <summary>pop rsp takes the loaded value, so the pointer moves first.</summary>
    private static void Pop(Register register, MachineFacts facts)
    {
        MoveStackPointer(facts, facts.Distance(Register.RSP) + 8);
        facts.Write(register, KnownBits.Unknown);
    }

    private static void Leave(MachineFacts facts)
    {
        MoveStackPointer(facts, facts.Distance(Register.RBP) + 8);
        facts.Write(Register.RBP, KnownBits.Unknown);
    }

    private static void MoveStackPointer(MachineFacts facts, long? distance)
    {
        facts.Write(Register.RSP, KnownBits.Unknown);
        facts.SetDistance(Register.RSP, distance);
    }
}
