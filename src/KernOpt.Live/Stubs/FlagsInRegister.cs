using System.Runtime.Intrinsics.X86;
using Iced.Intel;
using KernOpt.Code.Bodies;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Live.Stubs;

/// <summary>
/// The status flags kept in a register instead of on the stack: pushfq and popfq take some 5 ns together, this takes 0.3 (Zen 3).
/// <code>
///     mov reg, rax ; lahf ; seto al ; xchg rax, reg        ; rax: as before, reg: SF ZF AF PF CF in bits 8..15, OF in bit 0
///     …
///     xchg rax, reg ; add al, 127 ; sahf ; mov rax, reg    ; 1 + 127 overflows, 0 + 127 does not
/// </code>
/// With rax itself only what is between.
/// </summary>
public static class FlagsInRegister
{
    /// <summary>lahf and sahf in 64-bit mode (CPUID 80000001h, ecx bit 0): a few of the first processors have no such.</summary>
    public static bool IsPossible { get; } = X86Base.IsSupported && (X86Base.CpuId(unchecked((int)0x80000001), 0).Ecx & 1) != 0;

    public static void Save(Assembler code, AssemblerRegister64 register)
    {
        var isOther = register != rax;
        if (isOther) code.mov(register, rax);
        code.lahf();
        code.seto(al);
        if (isOther) code.xchg(rax, register);
    }

    public static void Restore(Assembler code, AssemblerRegister64 register)
    {
        var isOther = register != rax;
        if (isOther) code.xchg(rax, register);
        code.add(al, 127);
        code.sahf();
        if (isOther) code.mov(rax, register);
    }

    /// <summary>The first of these that is dead; null where none is.</summary>
    public static AssemblerRegister64? FirstDead(IEnumerable<Register> registers, LiveSet live)
    {
        foreach (var register in registers)
        {
            if (live.Parts(register) == RegisterPart.None) return new AssemblerRegister64(register);
        }
        return null;
    }
}
