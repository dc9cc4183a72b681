using Iced.Intel;
using static Iced.Intel.Code;

namespace KernOpt.Optimize.Passes;

/// <summary>Collects a short sequence on general registers of one width (32 or 64), all standing at the address of the instruction that they replace.</summary>
internal sealed class CodeList(Instruction old, int width)
{
    private readonly List<Instruction> code = [];

    public int Width => width;
    public IReadOnlyList<Instruction> Code => code;

    private bool IsWide => width == 64;

    public CodeList Move(Register to, Register from)
    {
        if (to != from) Add(Instruction.Create(IsWide ? Mov_r64_rm64 : Mov_r32_rm32, Named(to), Named(from)));
        return this;
    }

    /// <summary>Clears the upper half: mov eax, eax.</summary>
    public CodeList ZeroExtend(Register register)
    {
        var narrow = Rewrite.Narrow(register, 32);
        return Add(Instruction.Create(Mov_r32_rm32, narrow, narrow));
    }

    public CodeList SignExtend(Register register) =>
        Add(Instruction.Create(Movsxd_r64_rm32, register.GetFullRegister(), Rewrite.Narrow(register, 32)));

    public CodeList Load(Register register, ulong value) => Add(Rewrite.MoveImmediate(old, register.GetFullRegister(), value));

    public CodeList Clear(Register register)
    {
        var narrow = Rewrite.Narrow(register, 32);
        return Add(Instruction.Create(Xor_r32_rm32, narrow, narrow));
    }

    public CodeList Add(Register to, Register from) => Add(Instruction.Create(IsWide ? Add_r64_rm64 : Add_r32_rm32, Named(to), Named(from)));

    public CodeList Subtract(Register to, Register from) => Add(Instruction.Create(IsWide ? Sub_r64_rm64 : Sub_r32_rm32, Named(to), Named(from)));

    public CodeList And(Register to, Register from) => Add(Instruction.Create(IsWide ? And_r64_rm64 : And_r32_rm32, Named(to), Named(from)));

    public CodeList Negate(Register register) => Add(Instruction.Create(IsWide ? Neg_rm64 : Neg_rm32, Named(register)));

    public CodeList ShiftRight(Register register, int count) => count == 0 ? this
        : Add(Instruction.Create(IsWide ? Shr_rm64_imm8 : Shr_rm32_imm8, Named(register), count));

    public CodeList ShiftRightSigned(Register register, int count) => count == 0 ? this
        : Add(Instruction.Create(IsWide ? Sar_rm64_imm8 : Sar_rm32_imm8, Named(register), count));

    public CodeList ShiftLeft(Register register, int count) => count == 0 ? this
        : Add(Instruction.Create(IsWide ? Shl_rm64_imm8 : Shl_rm32_imm8, Named(register), count));

    /// <summary>to &amp;= mask, by way of an immediate; the mask must be below 2^31.</summary>
    public CodeList And(Register to, uint mask) => Add(Instruction.Create(IsWide ? And_rm64_imm32 : And_rm32_imm32, Named(to), (int)mask));

    /// <summary>to = from * factor, modulo the width. A factor that is no immediate is loaded into to, so from must be another register.</summary>
    public CodeList Multiply(Register to, Register from, long factor)
    {
        if (factor == (int)factor) return Add(Instruction.Create(IsWide ? Imul_r64_rm64_imm32 : Imul_r32_rm32_imm32, Named(to), Named(from), (int)factor));
        return Load(to, IsWide ? (ulong)factor : (uint)factor).Multiply(to, from);
    }

    public CodeList Multiply(Register to, Register by) => Add(Instruction.Create(IsWide ? Imul_r64_rm64 : Imul_r32_rm32, Named(to), Named(by)));

    /// <summary>The signed product in 64 bits, whatever the width of the list is.</summary>
    public CodeList MultiplyLong(Register to, Register by) => Add(Instruction.Create(Imul_r64_rm64, to.GetFullRegister(), by.GetFullRegister()));

    /// <summary>rdx:rax = rax * by, unsigned 64-bit factors.</summary>
    public CodeList MultiplyHigh(Register by) => Add(Instruction.Create(Mul_rm64, by.GetFullRegister()));

    /// <summary>rdx:rax = rax * by, signed 64-bit factors.</summary>
    public CodeList MultiplyHighSigned(Register by) => Add(Instruction.Create(Imul_rm64, by.GetFullRegister()));

    public CodeList ShiftRightLong(Register register, int count) => Add(Instruction.Create(Sar_rm64_imm8, register.GetFullRegister(), count));

    /// <summary>to += 1 when bit 63 of the other is set.</summary>
    public CodeList AddSign(Register to, Register of) =>
        Add(Instruction.Create(Bt_rm64_imm8, of.GetFullRegister(), 63)).Add(Instruction.Create(IsWide ? Adc_rm64_imm8 : Adc_rm32_imm8, Named(to), 0));

    public CodeList LoadSum(Register to, Register from, int scale) => Add(Instruction.Create(
        IsWide ? Lea_r64_m : Lea_r32_m, Named(to), new MemoryOperand(from.GetFullRegister(), from.GetFullRegister(), scale)));

    private Register Named(Register register) => Rewrite.Narrow(register, width);

    private CodeList Add(Instruction made)
    {
        code.Add(Rewrite.At(old, made));
        return this;
    }
}
