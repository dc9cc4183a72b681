using System.Runtime.InteropServices;

namespace KernOpt.Linux.Native;

/// <summary>
/// The general registers of a stopped thread: struct user_regs_struct of x86-64 (sys/user.h), 27 words in this order.
/// OriginalRax is the number of the system call that the thread was in, or negative when it was in none.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public record struct Registers
{
    public ulong R15, R14, R13, R12, Rbp, Rbx, R11, R10, R9, R8, Rax, Rcx, Rdx, Rsi, Rdi, OriginalRax, Rip, Cs, Flags, Rsp, Ss, FsBase, GsBase, Ds, Es, Fs, Gs;

    /// <summary>sizeof(struct user_regs_struct), in bytes.</summary>
    public const int Size = 27 * 8;

    /// <summary>Whether the thread was stopped inside a system call.</summary>
    public readonly bool IsInSystemCall => (long)OriginalRax >= 0;

    /// <summary>The user's 64-bit code segment (arch/x86/include/asm/segment.h); 32-bit code has another, also in a 64-bit process.</summary>
    public readonly bool IsIn64BitCode => Cs == 0x33;

    /// <summary>All words, for scans.</summary>
    public static ReadOnlySpan<ulong> Words(in Registers registers)
        => MemoryMarshal.Cast<Registers, ulong>(MemoryMarshal.CreateReadOnlySpan(in registers, 1));
}
