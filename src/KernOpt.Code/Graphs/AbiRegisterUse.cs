using Iced.Intel;

namespace KernOpt.Code.Graphs;

/// <summary>
/// Which general-purpose registers an instruction reads and writes, named by their 64-bit form. A call is taken to clobber what the System V
/// ABI (x86-64 psABI, 3.2.1) lets it clobber; what its callee reads is not told. For the parser, which follows values from where they are made; what may be changed is
/// judged by the stricter <see cref="Bodies.RegisterEffects"/>.
/// </summary>
internal sealed class AbiRegisterUse
{
    private readonly InstructionInfoFactory factory = new();

    public static bool IsCallerSaved(Register full) => full is not (Register.RBX or Register.RBP or Register.RSP
        or Register.R12 or Register.R13 or Register.R14 or Register.R15);

    public static bool IsCall(in Instruction instruction) => instruction.FlowControl == FlowControl.IndirectCall
        || (instruction.FlowControl == FlowControl.Call && instruction.OpCount > 0);

    public bool Writes(in Instruction instruction, Register full)
    {
        if (IsCall(instruction) && IsCallerSaved(full)) return true;
        if (full == Register.RAX && IsSystemCall(instruction)) return true;
        foreach (var used in factory.GetInfo(instruction).GetUsedRegisters())
        {
            if (used.Register.GetFullRegister() == full && IsWrite(used.Access)) return true;
        }
        return false;
    }

    public bool Reads(in Instruction instruction, Register full)
    {
        foreach (var used in factory.GetInfo(instruction).GetUsedRegisters())
        {
            if (used.Register.GetFullRegister() == full && IsRead(used.Access)) return true;
        }
        return false;
    }

    public bool WritesMemory(in Instruction instruction)
    {
        if (IsCall(instruction) || IsSystemCall(instruction)) return true;
        foreach (var used in factory.GetInfo(instruction).GetUsedMemory())
        {
            if (IsWrite(used.Access)) return true;
        }
        return false;
    }

    private static bool IsSystemCall(in Instruction instruction) =>
        instruction.FlowControl == FlowControl.Interrupt || (instruction.FlowControl == FlowControl.Call && instruction.OpCount == 0);

    private static bool IsWrite(OpAccess access) => access is OpAccess.Write or OpAccess.CondWrite or OpAccess.ReadWrite or OpAccess.ReadCondWrite;

    private static bool IsRead(OpAccess access) => access is OpAccess.Read or OpAccess.CondRead or OpAccess.ReadWrite or OpAccess.ReadCondWrite;
}
