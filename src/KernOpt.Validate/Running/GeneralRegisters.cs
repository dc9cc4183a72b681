using Iced.Intel;
using KernOpt.Linux.Native;

namespace KernOpt.Validate.Running;

/// <summary>The sixteen 64-bit registers of a stopped thread by Iced's names.</summary>
internal static class GeneralRegisters
{
    /// <summary>psABI 3.2.3: the registers that integer arguments are passed in, in order.</summary>
    public static readonly Register[] Arguments = [Register.RDI, Register.RSI, Register.RDX, Register.RCX, Register.R8, Register.R9];

    /// <summary>psABI 3.2.1: belong to the caller. rsp is told apart everywhere.</summary>
    public static readonly Register[] CalleeSaved = [Register.RBX, Register.RBP, Register.R12, Register.R13, Register.R14, Register.R15];

    /// <summary>psABI 3.2.1: a call may change them.</summary>
    public static readonly Register[] CallerSaved =
        [Register.RAX, Register.RCX, Register.RDX, Register.RSI, Register.RDI, Register.R8, Register.R9, Register.R10, Register.R11];

    public static ulong Get(in Registers registers, Register which) => which switch
    {
        Register.RAX => registers.Rax,
        Register.RCX => registers.Rcx,
        Register.RDX => registers.Rdx,
        Register.RBX => registers.Rbx,
        Register.RSP => registers.Rsp,
        Register.RBP => registers.Rbp,
        Register.RSI => registers.Rsi,
        Register.RDI => registers.Rdi,
        Register.R8 => registers.R8,
        Register.R9 => registers.R9,
        Register.R10 => registers.R10,
        Register.R11 => registers.R11,
        Register.R12 => registers.R12,
        Register.R13 => registers.R13,
        Register.R14 => registers.R14,
        Register.R15 => registers.R15,
        _ => throw new ArgumentOutOfRangeException(nameof(which)),
    };

    public static void Set(ref Registers registers, Register which, ulong value)
    {
        switch (which)
        {
            case Register.RAX: registers.Rax = value; break;
            case Register.RCX: registers.Rcx = value; break;
            case Register.RDX: registers.Rdx = value; break;
            case Register.RBX: registers.Rbx = value; break;
            case Register.RSP: registers.Rsp = value; break;
            case Register.RBP: registers.Rbp = value; break;
            case Register.RSI: registers.Rsi = value; break;
            case Register.RDI: registers.Rdi = value; break;
            case Register.R8: registers.R8 = value; break;
            case Register.R9: registers.R9 = value; break;
            case Register.R10: registers.R10 = value; break;
            case Register.R11: registers.R11 = value; break;
            case Register.R12: registers.R12 = value; break;
            case Register.R13: registers.R13 = value; break;
            case Register.R14: registers.R14 = value; break;
            case Register.R15: registers.R15 = value; break;
            default: throw new ArgumentOutOfRangeException(nameof(which));
        }
    }
}
