using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Target;

namespace KernOpt.Code.Bodies;

/// <summary>The instruction that holds a jump table's address: <c>lea r, [rip+T]</c>, <c>mov r, T</c>, <c>mov r, [T+8*i]</c> or <c>jmp [T+8*i]</c> itself.</summary>
internal static class TableAnchor
{
    /// <summary>The address of that instruction, or null when there is none that serves this table only.</summary>
    public static Address? Of(JumpTable table, in Instruction jump)
    {
        if (table.BaseInstruction is { } address) return address;
        return table.Kind == JumpTableKind.Absolute && Holds(jump, table.Table) ? new Address(jump.IP) : null;
    }

    public static bool Holds(in Instruction instruction, Address table) => FindOperand(instruction, table) != OpKind.Register;

    /// <summary>The same instruction with another table; false when the address does not fit the operand.</summary>
    public static bool TryRepoint(ref Instruction instruction, Address old, Address now)
    {
        switch (FindOperand(instruction, old))
        {
            case OpKind.Memory when instruction.IsIPRelativeMemoryOperand:
                instruction.MemoryDisplacement64 = now.Value;
                return true;
            case OpKind.Memory when (long)now.Value == (int)now.Value:
                instruction.MemoryDisplacement64 = now.Value;
                return true;
            case OpKind.Immediate64:
                instruction.Immediate64 = now.Value;
                return true;
            // mov r32, imm32 zero-extends.
            case OpKind.Immediate32 when now.Value <= uint.MaxValue:
                instruction.Immediate32 = (uint)now.Value;
                return true;
            case OpKind.Immediate32to64 when (long)now.Value == (int)now.Value:
                instruction.Immediate32to64 = (long)now.Value;
                return true;
            default:
                return false;
        }
    }

    /// <summary>The kind of operand that is the address; Register when none is.</summary>
    private static OpKind FindOperand(in Instruction instruction, Address table)
    {
        for (var i = 0; i < instruction.OpCount; i++)
        {
            var kind = instruction.GetOpKind(i);
            var isTable = kind switch
            {
                OpKind.Memory => instruction.MemoryDisplacement64 == table.Value,
                OpKind.Immediate64 or OpKind.Immediate32 or OpKind.Immediate32to64 => instruction.GetImmediate(i) == table.Value,
                _ => false,
            };
            if (isTable) return kind;
        }
        return OpKind.Register;
    }
}
