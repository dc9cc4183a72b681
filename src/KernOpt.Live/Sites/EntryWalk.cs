using System.Collections.Immutable;
using Iced.Intel;

namespace KernOpt.Live.Sites;

/// <summary>
/// Follows the instructions of an entry block from the function's entry: how deep the stack is, and where the six integer arguments of the
/// System V ABI (§3.2.3) can still be found.
/// </summary>
internal sealed class EntryWalk
{
    public static readonly ImmutableArray<Register> ArgumentRegisters =
        [Register.RDI, Register.RSI, Register.RDX, Register.RCX, Register.R8, Register.R9];

    private readonly InstructionInfoFactory info = new();
    private readonly Register[] arguments = [.. ArgumentRegisters];

    /// <summary>Bytes between rsp and the return address.</summary>
    public int StackDepth { get; private set; }

    public ImmutableArray<Register> Arguments => [.. arguments];

    public bool IsAfterCall { get; private set; }

    /// <summary>Steps over one straight-line instruction or call. False when nothing is known of the stack afterwards.</summary>
    public bool Step(in Instruction instruction)
    {
        if (instruction.FlowControl == FlowControl.Call) return StepCall(instruction);
        if (instruction.FlowControl != FlowControl.Next || instruction.IsInvalid) return false;
        if (!StepStack(instruction)) return false;
        var copied = CopiedArgument(instruction, out var into);
        foreach (var used in info.GetInfo(instruction).GetUsedRegisters())
        {
            if (used.Access is OpAccess.Read or OpAccess.CondRead or OpAccess.NoMemAccess or OpAccess.None) continue;
            Forget(used.Register.GetFullRegister());
        }
        if (copied >= 0 && arguments[copied] == Register.None) arguments[copied] = into;
        Remember(copied, into);
        return true;
    }

    /// <summary>A callee keeps rbx, rbp, r12..r15 and rsp (System V ABI §3.2.1) and may change the rest.</summary>
    private bool StepCall(in Instruction instruction)
    {
        if (instruction.Mnemonic != Mnemonic.Call) return false;
        IsAfterCall = true;
        for (var register = Register.RAX; register <= Register.R15; register++)
        {
            if (register is not (Register.RBX or Register.RBP or Register.RSP or (>= Register.R12 and <= Register.R15))) Forget(register);
        }
        return true;
    }

    private bool StepStack(in Instruction instruction)
    {
        if (instruction.IsStackInstruction)
        {
            if (instruction.Mnemonic is Mnemonic.Leave or Mnemonic.Enter or Mnemonic.Iretq) return false;
            StackDepth -= instruction.StackPointerIncrement;
            // pop rsp and its like.
            return StackDepth >= 0 && !(instruction.Mnemonic == Mnemonic.Pop && instruction.Op0Register.GetFullRegister() == Register.RSP);
        }
        if (!WritesStackPointer(instruction)) return true;
        var moved = instruction switch
        {
            { Mnemonic: Mnemonic.Sub, Op0Register: Register.RSP, Op1Kind: not OpKind.Register and not OpKind.Memory } => (long)instruction.GetImmediate(1),
            { Mnemonic: Mnemonic.Add, Op0Register: Register.RSP, Op1Kind: not OpKind.Register and not OpKind.Memory } => -(long)instruction.GetImmediate(1),
            { Mnemonic: Mnemonic.Lea, Op0Register: Register.RSP, MemoryBase: Register.RSP, MemoryIndex: Register.None } => -(long)instruction.MemoryDisplacement64,
            _ => long.MaxValue,
        };
        if (moved is > int.MaxValue / 2 or < int.MinValue / 2 || StackDepth + moved < 0) return false;
        StackDepth += (int)moved;
        return true;
    }

    private bool WritesStackPointer(in Instruction instruction)
    {
        foreach (var used in info.GetInfo(instruction).GetUsedRegisters())
        {
            if (used.Register.GetFullRegister() == Register.RSP && used.Access is not (OpAccess.Read or OpAccess.CondRead or OpAccess.NoMemAccess)) return true;
        }
        return false;
    }

    /// <summary>The argument that a full 64-bit register move copies, or -1.</summary>
    private int CopiedArgument(in Instruction instruction, out Register into)
    {
        into = instruction.Op0Register;
        if (instruction.Code is not (Iced.Intel.Code.Mov_r64_rm64 or Iced.Intel.Code.Mov_rm64_r64) || instruction.Op0Kind != OpKind.Register || instruction.Op1Kind != OpKind.Register) return -1;
        return Array.IndexOf(arguments, instruction.Op1Register);
    }

    private readonly Register[] copies = new Register[6];

    /// <summary>A written register no longer holds an argument; a copy of it, where there is one, does.</summary>
    private void Forget(Register register)
    {
        for (var i = 0; i < arguments.Length; i++)
        {
            if (copies[i] == register) copies[i] = Register.None;
            if (arguments[i] == register) (arguments[i], copies[i]) = (copies[i], Register.None);
        }
    }

    private void Remember(int argument, Register into)
    {
        if (argument >= 0 && arguments[argument] != into) copies[argument] = into;
    }
}
