using Iced.Intel;
using KernOpt.Code.Bodies;

namespace KernOpt.Code.Calls;

/// <summary>
/// Effects where nothing is taken on trust but the processor and the kernel: <see cref="RegisterEffects"/> for plain instructions, what the kernel does for a system call, and
/// everything for whatever else is opaque. Calls are the caller's: they are everything here.
/// </summary>
internal static class StrictEffects
{
    /// <summary>
    /// What an exception or a cancellation that unwinds the stack through a call hands on to whoever catches it: the unwinder is made of ordinary functions and gives back what those
    /// have to preserve (psABI 3.2.1; Itanium C++ ABI, exception handling, 1.6), all other registers being lost in it. No edge leads to a landing pad, which may be far up the stack,
    /// so a call reads these whatever comes after it.
    /// </summary>
    public static readonly LiveSet Unwound = LiveSet.Of(Register.RBX, Register.RBP, Register.RSP, Register.R12, Register.R13, Register.R14, Register.R15) | LiveSet.Rest;

    /// <summary>
    /// The number, six arguments (psABI A.2.1), and what is unwound when the thread is cancelled in it. r11 becomes the flags, which therefore count as read, and rcx the
    /// return address (SDM vol. 2, SYSCALL); all else comes back as it was.
    /// </summary>
    private static readonly Effects SystemCall = new(
        LiveSet.Of(Register.RAX, Register.RDI, Register.RSI, Register.RDX, Register.R10, Register.R8, Register.R9) | LiveSet.Of(LiveSet.AllFlags) | Unwound,
        LiveSet.All, LiveSet.Of(Register.RAX, Register.RCX, Register.R11), MemoryEffect.Read | MemoryEffect.Write, true);

    private static readonly Effects Anything = new(LiveSet.All, LiveSet.All, LiveSet.Empty, MemoryEffect.Read | MemoryEffect.Write, true);

    /// <summary>The registers above 128 bits of vectors 0 to 15: vzeroupper clears them and looks at nothing.</summary>
    private static readonly LiveSet UpperHalves = Enumerable.Range(0, 16).Aggregate(LiveSet.Empty, (set, n) => set | (LiveSet.Of(Register.ZMM0 + n) - LiveSet.Of(Register.XMM0 + n)));

    private static readonly Effects ClearUpperHalves = new(LiveSet.Empty, UpperHalves, UpperHalves, MemoryEffect.None, false);

    public static Effects Of(in Instruction instruction)
    {
        if (instruction.Mnemonic == Mnemonic.Syscall) return SystemCall;
        if (instruction.Mnemonic == Mnemonic.Vzeroupper) return ClearUpperHalves;
        var effects = RegisterEffects.Of(instruction);
        return effects.IsOpaque ? Anything : effects;
    }

    /// <summary>A call of a callee of which this is known.</summary>
    public static Effects OfCall(CalleeUse use) => new(use.Reads | Unwound, LiveSet.All, LiveSet.All - use.Keeps, MemoryEffect.Read | MemoryEffect.Write, true);
}
