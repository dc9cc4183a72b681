using Iced.Intel;
using KernOpt.Optimize.Facts;
using static Iced.Intel.Code;

namespace KernOpt.Optimize.Passes;

/// <summary>New instructions in the place of old ones: they keep the address that they came from.</summary>
internal static class Rewrite
{
    /// <summary>A replacement stands at the address of what it replaces; its length is measured anew when it is encoded.</summary>
    public static Instruction At(in Instruction old, Instruction made)
    {
        made.IP = old.IP;
        made.Length = 0;
        return made;
    }

    /// <summary>mov register, value in the shortest form that leaves the flags alone; a 64-bit value that fits 32 bits is moved as such.</summary>
    public static Instruction MoveImmediate(in Instruction old, Register register, ulong value) => At(old, MachineFacts.WidthOf(register) switch
    {
        8 => Instruction.Create(Mov_r8_imm8, register, (uint)(value & 0xff)),
        16 => Instruction.Create(Mov_r16_imm16, register, (uint)(value & 0xffff)),
        32 => Instruction.Create(Mov_r32_imm32, register, (uint)value),
        _ when value <= uint.MaxValue => Instruction.Create(Mov_r32_imm32, Narrow(register, 32), (uint)value),
        _ when (long)value == (int)value => Instruction.Create(Mov_rm64_imm32, register, (int)value),
        _ => Instruction.Create(Mov_r64_imm64, register, value),
    });

    /// <summary>mov between registers of one width.</summary>
    public static Instruction Move(in Instruction old, Register to, Register from) => At(old, MachineFacts.WidthOf(to) switch
    {
        8 => Instruction.Create(Mov_r8_rm8, to, from),
        16 => Instruction.Create(Mov_r16_rm16, to, from),
        32 => Instruction.Create(Mov_r32_rm32, to, from),
        _ => Instruction.Create(Mov_r64_rm64, to, from),
    });

    /// <summary>mov to a register from the register or memory that is operand 1 of another instruction.</summary>
    public static Instruction Move(in Instruction old, Register to, in Instruction operand)
    {
        if (operand.Op1Kind == OpKind.Register) return Move(old, to, operand.Op1Register);
        var made = operand;
        made.Code = MachineFacts.WidthOf(to) switch { 8 => Mov_r8_rm8, 16 => Mov_r16_rm16, 32 => Mov_r32_rm32, _ => Mov_r64_rm64 };
        return At(old, made);
    }

    /// <summary>The name of a general register in another width (8: the low byte).</summary>
    public static Register Narrow(Register register, int bits)
    {
        var index = register.GetFullRegister() - Register.RAX;
        return bits switch
        {
            8 => LowBytes[index],
            16 => Register.AX + index,
            32 => Register.EAX + index,
            _ => Register.RAX + index,
        };
    }

    private static readonly Register[] LowBytes =
    [
        Register.AL, Register.CL, Register.DL, Register.BL, Register.SPL, Register.BPL, Register.SIL, Register.DIL,
        Register.R8L, Register.R9L, Register.R10L, Register.R11L, Register.R12L, Register.R13L, Register.R14L, Register.R15L,
    ];
}
