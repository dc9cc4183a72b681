using System.Collections.Immutable;
using Iced.Intel;

namespace KernOpt.Code.Graphs;

/// <summary>What a path shows later on: the low Width bits of the value are Min to Max, as unsigned numbers.</summary>
internal readonly record struct ValueFact(ValueLocation Location, int Width, ulong Min, ulong Max);

/// <summary>
/// What is known at one place of a path that is walked backwards, from the branches that it takes further on: facts about values as they
/// are here, and conditions that hold of the flags as they are here.
/// </summary>
internal sealed record PathFacts(ImmutableArray<ValueFact> Values, ImmutableArray<ConditionCode> Flags)
{
    public static readonly PathFacts Nothing = new([], []);

    /// <summary>Everything that this states is stated by the other too.</summary>
    public bool IsImpliedBy(PathFacts other)
    {
        foreach (var fact in Values)
        {
            if (!other.Values.Contains(fact)) return false;
        }
        foreach (var flag in Flags)
        {
            if (!other.Flags.Contains(flag)) return false;
        }
        return true;
    }

    public PathFacts WithFlags(ConditionCode condition) => Flags.Contains(condition) ? this : this with { Flags = Flags.Add(condition) };

    /// <summary>
    /// The bound of (value + added) modulo 2^width, or null. Content is how many low bits hold all of the value (width, or fewer when the rest is zero).
    /// </summary>
    public ulong? MostOf(ValueLocation location, int content, int width, ulong added)
    {
        ulong? least = null;
        foreach (var fact in Values)
        {
            if (fact.Location != location || fact.Width < content) continue;
            if (Shifted(fact, width, added) is { } bound && (least is null || bound < least)) least = bound;
        }
        return least;
    }

    /// <summary>Steps back over an instruction: what it wrote is not known before it. A comparison turns conditions into facts.</summary>
    public PathFacts Before(in Instruction instruction, AbiRegisterUse effects)
    {
        var facts = this;
        if (!Flags.IsEmpty && (instruction.RflagsModified != RflagsBits.None || AbiRegisterUse.IsCall(instruction)))
        {
            facts = facts with { Flags = [] };
            foreach (var condition in Flags)
            {
                if (FactOf(instruction, condition) is { } fact && !facts.Values.Contains(fact)) facts = facts with { Values = facts.Values.Add(fact) };
            }
        }
        for (var i = facts.Values.Length - 1; i >= 0; i--)
        {
            var fact = facts.Values[i];
            if (!fact.Location.IsChangedBy(instruction, effects)) continue;
            facts = facts with { Values = facts.Values.RemoveAt(i) };
            if (CopiedFrom(instruction, fact) is { } source) facts = facts with { Values = facts.Values.Add(fact with { Location = source }) };
        }
        return facts;
    }

    /// <summary>Before a plain move between registers, what is known of the copy is true of its source: gcc compares one copy and indexes with another.</summary>
    private static ValueLocation? CopiedFrom(in Instruction move, ValueFact fact)
    {
        if (move.Mnemonic != Mnemonic.Mov || fact.Location.IsMemory || ValueLocation.Of(move, 0) != fact.Location) return null;
        if (move.Op1Kind != OpKind.Register || ValueLocation.WidthOf(move, 0) < fact.Width) return null;
        return ValueLocation.Of(move, 1);
    }

    private static ulong? Shifted(ValueFact fact, int width, ulong added)
    {
        if (added == 0) return fact.Max;
        var mask = Bits.Mask(width);
        if (fact.Max > mask) return null;
        var (low, high) = ((fact.Min + added) & mask, (fact.Max + added) & mask);
        return low <= high ? high : null;
    }

    /// <summary>What an unsigned condition after "cmp x, imm" or "test r, r" says of x (SDM vol. 1, appendix B).</summary>
    private static ValueFact? FactOf(in Instruction compare, ConditionCode condition)
    {
        if (compare.OpCount != 2 || ValueLocation.Of(compare, 0) is not { } location) return null;
        var width = ValueLocation.WidthOf(compare, 0);
        var mask = Bits.Mask(width);
        if (compare.Mnemonic == Mnemonic.Test && compare.Op1Kind == OpKind.Register && compare.Op1Register == compare.Op0Register)
        {
            return condition is ConditionCode.e or ConditionCode.be ? new ValueFact(location, width, 0, 0) : null;
        }
        if (compare.Mnemonic != Mnemonic.Cmp || !compare.Op1Kind.IsImmediate()) return null;
        var value = compare.GetImmediate(1) & mask;
        return condition switch
        {
            ConditionCode.e => new ValueFact(location, width, value, value),
            ConditionCode.be => new ValueFact(location, width, 0, value),
            ConditionCode.b when value > 0 => new ValueFact(location, width, 0, value - 1),
            ConditionCode.ae => new ValueFact(location, width, value, mask),
            ConditionCode.a when value < mask => new ValueFact(location, width, value + 1, mask),
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
