using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Live.Stubs;

namespace KernOpt.Probes.Compile;

/// <summary>
/// The registers that code at a point computes in, 64 bits each, and which of them it has to save: those that are live, and those whose old value it reads. Flags: one more, which keeps the
/// flags all the time; None where they are dead, or no register is left.
/// </summary>
internal sealed record Scratch(ImmutableArray<Register> Registers, ImmutableArray<Register> Saved, Register Flags, bool IsFlagsRegisterLive)
{
    /// <summary>All but rsp; those that a call leaves undefined first, which are the likeliest to be dead.</summary>
    private static readonly ImmutableArray<Register> Candidates =
    [
        Register.RAX, Register.RCX, Register.RDX, Register.RSI, Register.RDI, Register.R8, Register.R9, Register.R10, Register.R11,
        Register.RBX, Register.RBP, Register.R12, Register.R13, Register.R14, Register.R15,
    ];

    public static int Most => Candidates.Length;

    /// <summary>Named registers, which some instruction asks for, come first and in this order; then dead ones that are not read, then such as are only live, then the rest.</summary>
    public static Scratch Choose(int count, ReadOnlySpan<Register> named, IReadOnlySet<Register> read, LiveSet live, bool flagsLive)
    {
        ImmutableArray<Register> first = [.. named];
        var chosen = first.Concat(Candidates.Except(first).OrderBy(r => Cost(r, read, live))).Take(Math.Max(count, first.Length)).ToImmutableArray();
        var flags = flagsLive && FlagsInRegister.IsPossible ? Candidates.Except(chosen).Where(r => !read.Contains(r)).OrderBy(r => Cost(r, read, live)).FirstOrDefault() : Register.None;
        return new Scratch(chosen, [.. chosen.Where(r => Cost(r, read, live) > 0)], flags, flags != Register.None && Cost(flags, read, live) > 0);
    }

    private static int Cost(Register register, IReadOnlySet<Register> read, LiveSet live) => read.Contains(register) ? 2 : live.Parts(register) != RegisterPart.None ? 1 : 0;
}
