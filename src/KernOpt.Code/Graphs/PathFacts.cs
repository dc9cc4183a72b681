using System.Collections.Immutable;
using Iced.Intel;

namespace KernOpt.Code.Graphs;

/// <summary>What a path shows later on: the low Width bits of the register are at most Max, as unsigned numbers.</summary>
internal readonly record struct RegisterFact(Register Register, int Width, ulong Max);

/// <summary>
/// What is known at one place of a path that is walked backwards, from the branches that it takes further on: facts about registers as they
/// are here, and conditions that hold of the flags as they are here.
/// </summary>
internal sealed record PathFacts(ImmutableArray<RegisterFact> Registers, ImmutableArray<ConditionCode> Flags)
{
    public static readonly PathFacts Nothing = new([], []);

    /// <summary>Everything that this states is stated by the other too.</summary>
    public bool IsImpliedBy(PathFacts other)
    {
        foreach (var fact in Registers)
        {
            if (!other.Registers.Contains(fact)) return false;
        }
        foreach (var flag in Flags)
        {
            if (!other.Flags.Contains(flag)) return false;
        }
        return true;
    }

    public PathFacts WithFlags(ConditionCode condition) => Flags.Contains(condition) ? this : this with { Flags = Flags.Add(condition) };

    public PathFacts With(RegisterFact fact) => Registers.Contains(fact) ? this : this with { Registers = Registers.Add(fact) };

    /// <summary>The bound of the register's low bits, or null.</summary>
    public ulong? MaxOf(Register full, int width)
    {
        ulong? least = null;
        foreach (var fact in Registers)
        {
            if (fact.Register == full && fact.Width >= width && (least is null || fact.Max < least)) least = fact.Max;
        }
        return least;
    }

    /// <summary>Steps back over an instruction: what it wrote is not known before it. A comparison turns conditions into a fact.</summary>
    public PathFacts Before(in Instruction instruction, RegisterEffects effects)
    {
        var facts = this;
        if (!Flags.IsEmpty && (instruction.RflagsModified != RflagsBits.None || RegisterEffects.IsCall(instruction)))
        {
            facts = facts with { Flags = [] };
            foreach (var condition in Flags)
            {
                if (FactOf(instruction, condition) is { } fact) facts = facts.With(fact);
            }
        }
        for (var i = facts.Registers.Length - 1; i >= 0; i--)
        {
            if (effects.Writes(instruction, facts.Registers[i].Register)) facts = facts with { Registers = facts.Registers.RemoveAt(i) };
        }
        return facts;
    }

    /// <summary>
    /// The unsigned bound that a condition after "cmp r, imm" (or "test r, r") puts on r (SDM vol. 1, appendix B): b, be and e bound it from above.
    /// </summary>
    private static RegisterFact? FactOf(in Instruction compare, ConditionCode condition)
    {
        if (compare.OpCount != 2 || compare.Op0Kind != OpKind.Register || !compare.Op0Register.IsGPR()) return null;
        var register = compare.Op0Register;
        if (register is Register.AH or Register.BH or Register.CH or Register.DH) return null;
        var width = register.GetSize() * 8;
        var full = register.GetFullRegister();
        if (compare.Mnemonic == Mnemonic.Test && compare.Op1Kind == OpKind.Register && compare.Op1Register == register)
        {
            return condition is ConditionCode.e or ConditionCode.be ? new RegisterFact(full, width, 0) : null;
        }
        if (compare.Mnemonic != Mnemonic.Cmp || !compare.Op1Kind.IsImmediate()) return null;
        var bound = compare.GetImmediate(1) & Bits.Mask(width);
        return condition switch
        {
            ConditionCode.be or ConditionCode.e => new RegisterFact(full, width, bound),
            ConditionCode.b when bound > 0 => new RegisterFact(full, width, bound - 1),
            _ => null,
        };
    }
}

internal static class Bits
{
    /// <summary>The lowest <paramref name="width"/> bits, 1..64.</summary>
    public static ulong Mask(int width) => ulong.MaxValue >> (64 - width);

    public static bool IsImmediate(this OpKind kind) => kind is >= OpKind.Immediate8 and <= OpKind.Immediate32to64;
}
