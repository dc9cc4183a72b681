using Iced.Intel;
using KernOpt.Code.Images;
using KernOpt.Optimize.Facts;
using KernOpt.Target;

namespace KernOpt.Optimize.Passes;

/// <summary>
/// Whether an instruction can fault, so that removing it would change behaviour. Loads of constant data and of the function's own frame
/// cannot (the frame is mapped: the original's call has pushed to it, and guard pages lie below what it reads).
/// </summary>
internal static class Faults
{
    public static bool MayFault(in Instruction instruction, MachineFacts facts, ICodeSource? source)
    {
        if (instruction.Mnemonic is Mnemonic.Div or Mnemonic.Idiv && !DividesSafely(instruction, facts)) return true;
        if (instruction.Mnemonic == Mnemonic.Lea) return false;
        for (var i = 0; i < instruction.OpCount; i++)
        {
            if (instruction.GetOpKind(i) == OpKind.Memory) return !IsSafeLoad(instruction, facts, source);
        }
        return false;
    }

    private static bool IsSafeLoad(in Instruction i, MachineFacts facts, ICodeSource? source)
    {
        if (Transfer.IsSegmented(i)) return false;
        if (Transfer.FrameDistance(i, facts) is not null) return true;
        // Without known facts at an inner entry, rsp itself still names the frame.
        if (i.MemoryBase == Register.RSP && i.MemoryIndex == Register.None) return true;
        var address = Transfer.Address(i, facts);
        return address.IsConstant && source is not null
            && source.IsConstantData(new AddressRange(new Address(address.Value), (ulong)Math.Max(1, i.MemorySize.GetSize())));
    }

    /// <summary>Both halves and the divisor are known and the quotient fits; or, unsigned, the high half is zero and the divisor is not.</summary>
    private static bool DividesSafely(in Instruction i, MachineFacts facts)
    {
        if (i.Op0Kind != OpKind.Register) return false;
        var width = MachineFacts.WidthOf(i.Op0Register);
        if (width < 32) return false;
        var (low, high, divisor) = (facts[width == 32 ? Register.EAX : Register.RAX], facts[width == 32 ? Register.EDX : Register.RDX], facts[i.Op0Register]);
        if (i.Mnemonic == Mnemonic.Div && high == KnownBits.Zero && divisor.Minimum != 0) return true;
        return low.IsConstant && high.IsConstant && divisor.IsConstant
            && Division.TryCompute(i.Mnemonic == Mnemonic.Idiv, width, low.Value, high.Value, divisor.Value, out _, out _);
    }
}
