using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Graphs;

namespace KernOpt.Code.Bodies;

/// <summary>
/// An argument register that holds something at the function's entry. Bits is 32 or 64: the widest part that anything may look at.
/// IsUsed: an instruction of the function itself reads it; otherwise it only reaches a call, a return or a jump out, which may or may not look at it.
/// </summary>
public readonly record struct EntryArgument(Register Register, int Bits, bool IsUsed);

/// <summary>
/// Which of rdi, rsi, rdx, rcx, r8, r9 (psABI 3.2.3) a function takes, as far as its code tells. The width is conservative: 64 as soon as the
/// upper half may reach a call, a jump out or a wider read.
/// </summary>
public static class EntryArguments
{
    private static readonly ImmutableArray<Register> InOrder = [Register.RDI, Register.RSI, Register.RDX, Register.RCX, Register.R8, Register.R9];

    /// <summary>What a call leaves undefined by the psABI: its own reads do not count here, for they say nothing about this function's arguments.</summary>
    private static readonly LiveSet Volatile = LiveSet.Of(
        Register.RAX, Register.RCX, Register.RDX, Register.RSI, Register.RDI, Register.R8, Register.R9, Register.R10, Register.R11) | RegisterEffects.VolatileFlags;

    public static ImmutableArray<EntryArgument> Of(FunctionGraph graph)
    {
        var possible = Liveness.Of(graph).In(graph.Entry);
        var certain = Liveness.OfGraph(graph, EffectsWithoutCallees, LiveSet.Empty, LiveSet.Empty).In(graph.Entry);
        var arguments = ImmutableArray.CreateBuilder<EntryArgument>();
        foreach (var register in InOrder)
        {
            var parts = possible.Parts(register);
            if (parts == RegisterPart.None) continue;
            var bits = (parts & RegisterPart.Upper32) != 0 ? 64 : 32;
            arguments.Add(new EntryArgument(register, bits, certain.Parts(register) != RegisterPart.None));
        }
        return arguments.ToImmutable();
    }

    internal static Effects EffectsWithoutCallees(in Instruction instruction)
    {
        var effects = RegisterEffects.Of(instruction);
        if (!effects.IsOpaque || instruction.Mnemonic != Mnemonic.Call) return effects.IsOpaque ? effects with { Reads = LiveSet.Empty } : effects;
        var operands = LiveSet.Empty;
        for (var i = 0; i < instruction.OpCount; i++)
        {
            if (instruction.GetOpKind(i) == OpKind.Register) operands |= LiveSet.Of(instruction.GetOpRegister(i));
            if (instruction.GetOpKind(i) == OpKind.Memory) operands |= LiveSet.Of(instruction.MemoryBase, instruction.MemoryIndex);
        }
        return effects with { Reads = operands, Kills = Volatile };
    }
}
