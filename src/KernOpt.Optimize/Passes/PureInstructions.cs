using Iced.Intel;

namespace KernOpt.Optimize.Passes;

/// <summary>
/// Instructions that do nothing but compute: no side effect besides their result and, where it says so, a fault. Named one by one, for a list of what is to be
/// kept (fences, rdtsc, in, cpuid, floating point with its sticky flags …) would never be complete.
/// </summary>
internal static class PureInstructions
{
    /// <summary>Writes general registers, status flags and possibly operand 0 in memory.</summary>
    public static bool IsGeneral(in Instruction instruction)
    {
        if (instruction.HasLockPrefix || instruction.HasRepPrefix && !IsCount(instruction.Mnemonic) || instruction.HasRepnePrefix) return false;
        for (var i = 0; i < instruction.OpCount; i++)
        {
            if (instruction.GetOpKind(i) == OpKind.Register && !instruction.GetOpRegister(i).IsGPR()) return false;
        }
        return instruction.Mnemonic switch
        {
            Mnemonic.Mov or Mnemonic.Movzx or Mnemonic.Movsx or Mnemonic.Movsxd or Mnemonic.Lea => true,
            Mnemonic.Add or Mnemonic.Adc or Mnemonic.Sub or Mnemonic.Sbb or Mnemonic.Inc or Mnemonic.Dec or Mnemonic.Neg or Mnemonic.Cmp => true,
            Mnemonic.And or Mnemonic.Or or Mnemonic.Xor or Mnemonic.Not or Mnemonic.Test or Mnemonic.Andn => true,
            Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar or Mnemonic.Rol or Mnemonic.Ror => true,
            Mnemonic.Shlx or Mnemonic.Shrx or Mnemonic.Sarx or Mnemonic.Rorx or Mnemonic.Shld or Mnemonic.Shrd => true,
            Mnemonic.Mul or Mnemonic.Imul or Mnemonic.Div or Mnemonic.Idiv => true,
            Mnemonic.Bt or Mnemonic.Bsf or Mnemonic.Bsr or Mnemonic.Tzcnt or Mnemonic.Lzcnt or Mnemonic.Popcnt or Mnemonic.Bswap => true,
            Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc => instruction.Op0Kind == OpKind.Register,
            Mnemonic.Cbw or Mnemonic.Cwde or Mnemonic.Cdqe or Mnemonic.Cwd or Mnemonic.Cdq or Mnemonic.Cqo => true,
            >= Mnemonic.Cmova and <= Mnemonic.Cmovs => true,
            >= Mnemonic.Seta and <= Mnemonic.Sets => true,
            _ => false,
        };
    }

    /// <summary>Moves between vector registers or from memory to one, and their zero idioms: no floating-point flag is touched.</summary>
    public static bool IsVectorMove(in Instruction instruction) => instruction.Mnemonic switch
    {
        Mnemonic.Movaps or Mnemonic.Movups or Mnemonic.Movapd or Mnemonic.Movupd or Mnemonic.Movdqa or Mnemonic.Movdqu => true,
        Mnemonic.Movd or Mnemonic.Movq or Mnemonic.Movss or Mnemonic.Movsd when instruction.Op0Kind == OpKind.Register => true,
        Mnemonic.Pxor or Mnemonic.Xorps or Mnemonic.Xorpd => true,
        _ => false,
    };

    /// <summary>Whether operand 0 is written, and not only compared.</summary>
    public static bool WritesOperand(in Instruction instruction) =>
        instruction.Mnemonic is not (Mnemonic.Cmp or Mnemonic.Test or Mnemonic.Bt or Mnemonic.Mul or Mnemonic.Div or Mnemonic.Idiv)
        && !(instruction.Mnemonic == Mnemonic.Imul && instruction.OpCount == 1);

    /// <summary>The general registers that an instruction of <see cref="IsGeneral"/> writes, as wide as it does.</summary>
    public static IReadOnlyList<Register> WrittenRegisters(in Instruction instruction)
    {
        var info = new InstructionInfoFactory().GetInfo(instruction);
        var written = new List<Register>();
        foreach (var used in info.GetUsedRegisters())
        {
            if (used.Access is OpAccess.Write or OpAccess.ReadWrite or OpAccess.CondWrite or OpAccess.ReadCondWrite && used.Register.IsGPR()) written.Add(used.Register);
        }
        return written;
    }

    /// <summary>rep bsf is tzcnt on newer processors: the prefix belongs to the operation.</summary>
    private static bool IsCount(Mnemonic mnemonic) => mnemonic is Mnemonic.Tzcnt or Mnemonic.Lzcnt or Mnemonic.Popcnt;
}
