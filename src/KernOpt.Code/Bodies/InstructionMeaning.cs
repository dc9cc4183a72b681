using Iced.Intel;

namespace KernOpt.Code.Bodies;

/// <summary>Whether two instructions do the same, wherever they lie: relative operands are compared by what they refer to.</summary>
public static class InstructionMeaning
{
    public static bool AreEqual(in Instruction a, in Instruction b)
    {
        if (a.Code != b.Code || a.OpCount != b.OpCount || !PrefixesAreEqual(a, b)) return false;
        for (var i = 0; i < a.OpCount; i++)
        {
            if (!OperandsAreEqual(a, b, i)) return false;
        }
        return true;
    }

    private static bool PrefixesAreEqual(in Instruction a, in Instruction b) =>
        a.HasLockPrefix == b.HasLockPrefix && a.HasRepPrefix == b.HasRepPrefix && a.HasRepnePrefix == b.HasRepnePrefix
        && a.HasXacquirePrefix == b.HasXacquirePrefix && a.HasXreleasePrefix == b.HasXreleasePrefix
        && a.SegmentPrefix == b.SegmentPrefix && a.OpMask == b.OpMask && a.ZeroingMasking == b.ZeroingMasking
        && a.RoundingControl == b.RoundingControl && a.SuppressAllExceptions == b.SuppressAllExceptions && a.IsBroadcast == b.IsBroadcast;

    private static bool OperandsAreEqual(in Instruction a, in Instruction b, int operand)
    {
        var kind = a.GetOpKind(operand);
        if (kind != b.GetOpKind(operand)) return false;
        switch (kind)
        {
            case OpKind.Register:
                return a.GetOpRegister(operand) == b.GetOpRegister(operand);
            case OpKind.NearBranch64 or OpKind.NearBranch32 or OpKind.NearBranch16:
                return a.NearBranchTarget == b.NearBranchTarget;
            case OpKind.Memory:
                return a.MemoryBase == b.MemoryBase && a.MemoryIndex == b.MemoryIndex && a.MemoryIndexScale == b.MemoryIndexScale
                    && a.MemoryDisplacement64 == b.MemoryDisplacement64 && a.MemorySegment == b.MemorySegment;
            case OpKind.FarBranch16 or OpKind.FarBranch32:
                return a.FarBranch32 == b.FarBranch32 && a.FarBranchSelector == b.FarBranchSelector;
            case >= OpKind.Immediate8 and <= OpKind.Immediate32to64:
                return a.GetImmediate(operand) == b.GetImmediate(operand);
            default:
                return a.MemorySegment == b.MemorySegment;
        }
    }
}
