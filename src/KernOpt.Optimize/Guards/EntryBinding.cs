using Iced.Intel;
using KernOpt.Target;

namespace KernOpt.Optimize.Guards;

/// <summary>
/// An assumption about an argument: at the function's entry the low Bits (32 or 64) of the register are Value. Argument is one of rdi, rsi, rdx, rcx, r8, r9.
/// </summary>
public readonly record struct EntryBinding(Register Argument, ulong Value, int Bits)
{
    public override string ToString() => $"{Argument.ToString().ToLowerInvariant()}=0x{Value:x}";
}

/// <summary>
/// Where a guard leads when an assumption does not hold: Fallback does what the original does from the site on. With MissCounter (an aligned 8-byte word within
/// rel32 reach of the version) each miss is counted there.
/// </summary>
public readonly record struct GuardTargets(Address Fallback, Address? MissCounter);
