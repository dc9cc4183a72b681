using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Live.Sites;

/// <summary>How the instruction at the site gets to the region.</summary>
public enum SiteForm
{
    /// <summary>It becomes a jmp rel32 (5 bytes).</summary>
    Jump,
    /// <summary>It becomes a jmp rel8 (2 bytes) to a jmp rel32 that is put in padding.</summary>
    Springboard,
}

/// <summary>
/// One instruction of the entry block that runs exactly once per call and can be replaced by one store. StackDepth: the return address lies
/// at rsp + StackDepth before the instruction, in bytes. Arguments: where rdi, rsi, rdx, rcx, r8, r9 (in this order) as passed by the caller can be found in
/// full before the instruction; None where it is lost.
/// </summary>
public sealed record PatchSite(
    Function Function, Instruction Instruction, SiteForm Form, Address? Springboard, int StackDepth, ImmutableArray<Register> Arguments)
{
    /// <summary>No status flag is read after the instruction's start before it is written.</summary>
    public bool FlagsDead { get; init; }

    /// <summary>The same at the function's first instruction.</summary>
    public bool FlagsDeadAtEntry { get; init; }

    /// <summary>A call of the entry block has returned before: arguments in registers that calls may change are lost.</summary>
    public bool IsAfterCall { get; init; }

    public AddressRange Range => AddressRange.Between(At, new Address(Instruction.NextIP));

    public Address At => new(Instruction.IP);

    /// <summary>Whether the argument register still holds what the caller put there.</summary>
    public bool IsUnmodified(Register register) => Arguments.IndexOf(register) is var index && index >= 0 && EntryWalk.ArgumentRegisters[index] == register;
}
