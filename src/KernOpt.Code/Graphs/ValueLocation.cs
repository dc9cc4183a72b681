using Iced.Intel;

namespace KernOpt.Code.Graphs;

/// <summary>
/// Where a value is: a general-purpose register in its 64-bit form, or memory at an address made of registers. Memory is followed only over
/// instructions that write no memory and none of those registers. (That another thread does not write it in between is what the compiler
/// took for granted when it compared one read and used another: a data race is undefined, C11 5.1.2.4.)
/// </summary>
internal readonly record struct ValueLocation(Register Register, Register Base, Register Index, int Scale, ulong Displacement, Register Segment)
{
    public bool IsMemory => Register == Register.None;

    public static ValueLocation Of(Register register) => new(register.GetFullRegister(), Register.None, Register.None, 1, 0, Register.None);

    /// <summary>The location of an operand, or null for what is neither memory nor the low part of a general-purpose register.</summary>
    public static ValueLocation? Of(in Instruction instruction, int operand)
    {
        switch (instruction.GetOpKind(operand))
        {
            case OpKind.Register:
                var register = instruction.GetOpRegister(operand);
                return register.IsGPR() && !IsHighByte(register) ? Of(register) : null;
            case OpKind.Memory when !instruction.IsVsib:
                return new ValueLocation(Register.None, instruction.MemoryBase, instruction.MemoryIndex, instruction.MemoryIndexScale,
                    instruction.MemoryDisplacement64, instruction.SegmentPrefix);
            default:
                return null;
        }
    }

    public static int WidthOf(in Instruction instruction, int operand) =>
        8 * (instruction.GetOpKind(operand) == OpKind.Memory ? instruction.MemorySize.GetSize() : instruction.GetOpRegister(operand).GetSize());

    public bool IsChangedBy(in Instruction instruction, AbiRegisterUse effects)
    {
        if (!IsMemory) return effects.Writes(instruction, Register);
        return effects.WritesMemory(instruction)
            || (Base.IsGPR() && effects.Writes(instruction, Base.GetFullRegister()))
            || (Index.IsGPR() && effects.Writes(instruction, Index.GetFullRegister()));
    }

    public static bool IsHighByte(Register register) => register is Register.AH or Register.BH or Register.CH or Register.DH;
}
