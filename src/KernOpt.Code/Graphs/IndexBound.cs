using System.Numerics;
using Iced.Intel;

namespace KernOpt.Code.Graphs;

/// <summary>
/// Proves the largest value that a register can have at a place, by walking back over every path that leads there until each shows a bound:
/// a comparison with a branch, a mask, a shift, a zero-extended byte, a constant. One path without a bound, and there is no proof.
/// </summary>
/// <remarks>
/// A state (block, what is asked, what the path has shown) that was walked already, or is being walked, is not walked again if it knew no more than
/// the new one: a bound found for it covers every path that continues in the same way, and a value that only moves round a loop is the value that entered it.
/// Therefore anything that changes the value starts a walk of its own.
/// </remarks>
internal sealed class IndexBound(FunctionGraph graph, RegisterEffects effects)
{
    /// <summary>Larger tables are not believed.</summary>
    public const ulong Largest = 1 << 14;

    private const int MostSteps = 20_000;

    private int steps;

    /// <summary>What is asked: the low Width bits of the 64-bit register as an unsigned number, which must be at most Limit.</summary>
    private readonly record struct Question(Register Register, int Width, ulong Limit);

    private readonly record struct Visit(int Block, Question Question);

    public ulong? Of(Register full, CodePlace before)
    {
        steps = 0;
        return Ask(new Question(full, 64, Largest), before, PathFacts.Nothing);
    }

    private ulong? Ask(Question question, CodePlace before, PathFacts facts)
    {
        return Walk(question, before, facts, []) is { } bound && bound <= question.Limit ? bound : Trivial(question);
    }

    /// <summary>A byte is at most 255, whatever it is.</summary>
    private static ulong? Trivial(Question question) =>
        question.Width <= 16 && Bits.Mask(question.Width) <= question.Limit ? Bits.Mask(question.Width) : null;

    private ulong? Walk(Question question, CodePlace from, PathFacts facts, Dictionary<Visit, List<PathFacts>> walked)
    {
        var block = graph.Blocks[from.Block];
        for (var i = from.Index - 1; i >= 0; i--)
        {
            if (++steps > MostSteps) return null;
            var instruction = block.Instructions[i];
            if (effects.Writes(instruction, question.Register))
            {
                return FromWrite(question, new CodePlace(from.Block, i), instruction, facts, walked);
            }
            facts = facts.Before(instruction, effects);
            if (facts.MaxOf(question.Register, question.Width) is { } known) return known <= question.Limit ? known : Trivial(question);
        }
        if (block.Index == graph.EntryIndex) return Trivial(question);
        ulong most = 0;
        foreach (var predecessor in block.Predecessors)
        {
            if (WalkInto(question, graph.Blocks[predecessor], block, facts, walked) is not { } bound) return null;
            most = Math.Max(most, bound);
        }
        return most;
    }

    private ulong? WalkInto(Question question, BasicBlock source, BasicBlock target, PathFacts facts, Dictionary<Visit, List<PathFacts>> walked)
    {
        if (source.End == BlockEnd.Branch && source.Instructions[^1].IsJccShortOrNear && ConditionTo(source, target) is { } condition)
        {
            facts = facts.WithFlags(condition);
        }
        var visit = new Visit(source.Index, question);
        if (!walked.TryGetValue(visit, out var earlier)) walked.Add(visit, earlier = []);
        foreach (var known in earlier)
        {
            if (known.IsImpliedBy(facts)) return 0;
        }
        earlier.Add(facts);
        return Walk(question, new CodePlace(source.Index, source.Instructions.Length), facts, walked);
    }

    private static ConditionCode? ConditionTo(BasicBlock source, BasicBlock target)
    {
        var jump = source.Instructions[^1];
        var isTaken = jump.NearBranchTarget == target.Start.Value;
        var isNext = source.Close == target.Start;
        if (isTaken == isNext) return null;
        if (isTaken) return jump.ConditionCode;
        jump.NegateConditionCode();
        return jump.ConditionCode;
    }

    private ulong? FromWrite(Question question, CodePlace place, in Instruction write, PathFacts facts, Dictionary<Visit, List<PathFacts>> walked)
    {
        if (write.Op0Kind != OpKind.Register && !IsExtension(write.Mnemonic)) return Trivial(question);
        var width = WidthOfDestination(write, question.Register);
        if (width == 0 || (width < 32 && width < question.Width)) return Trivial(question);
        var content = Math.Min(question.Width, WidthOfContent(write, width));
        if (facts.MaxOf(question.Register, content) is { } known && known <= question.Limit) return known;
        var asked = question with { Width = Math.Min(question.Width, width) };
        var before = facts.Before(write, effects);
        var answer = MovedValue(asked, write) is { } moved
            ? WalkOn(moved, place, before, walked)
            : ChangedValue(asked, place, write, before);
        return answer is { } bound && bound <= question.Limit ? bound : Trivial(question);
    }

    private ulong? WalkOn(Question question, CodePlace place, PathFacts facts, Dictionary<Visit, List<PathFacts>> walked)
    {
        if (facts.MaxOf(question.Register, question.Width) is { } known && known <= question.Limit) return known;
        return Walk(question, place, facts, walked);
    }

    private static bool IsExtension(Mnemonic mnemonic) => mnemonic is Mnemonic.Cdqe or Mnemonic.Cwde;

    private static int WidthOfDestination(in Instruction write, Register full) => write.Mnemonic switch
    {
        Mnemonic.Cdqe => 64,
        Mnemonic.Cwde => 32,
        _ when write.Op0Register.GetFullRegister() != full || IsHighByte(write.Op0Register) => 0,
        _ => write.Op0Register.GetSize() * 8,
    };

    /// <summary>How many low bits hold all of the value; the bits above are zero.</summary>
    private static int WidthOfContent(in Instruction write, int width) =>
        write.Mnemonic == Mnemonic.Movzx ? WidthOfSource(write) : width;

    private static int WidthOfSource(in Instruction write) =>
        (write.Op1Kind == OpKind.Memory ? write.MemorySize.GetSize() : write.Op1Register.GetSize()) * 8;

    /// <summary>The question about the source of a plain move; null when the instruction makes a new value.</summary>
    private static Question? MovedValue(Question asked, in Instruction write)
    {
        if (write.Mnemonic == Mnemonic.Cdqe) return Extended(asked, Register.RAX, 32);
        if (write.Mnemonic == Mnemonic.Cwde) return Extended(asked, Register.RAX, 16);
        if (write.Op1Kind != OpKind.Register || IsHighByte(write.Op1Register) || !write.Op1Register.IsGPR()) return null;
        var source = write.Op1Register.GetFullRegister();
        var width = write.Op1Register.GetSize() * 8;
        return write.Mnemonic switch
        {
            Mnemonic.Mov => asked with { Register = source },
            Mnemonic.Movzx => asked with { Register = source, Width = Math.Min(asked.Width, width) },
            Mnemonic.Movsx or Mnemonic.Movsxd => Extended(asked, source, width),
            _ => null,
        };
    }

    /// <summary>A sign-extended number is the number itself when its own sign bit is clear.</summary>
    private static Question Extended(Question asked, Register source, int width) => asked.Width <= width
        ? asked with { Register = source }
        : new Question(source, width, Math.Min(asked.Limit, Bits.Mask(width - 1)));

    private ulong? ChangedValue(Question asked, CodePlace place, in Instruction write, PathFacts facts)
    {
        var mask = Bits.Mask(asked.Width);
        var hasImmediate = write.OpCount == 2 && write.Op1Kind.IsImmediate();
        var immediate = hasImmediate ? write.GetImmediate(1) : 0;
        switch (write.Mnemonic)
        {
            case Mnemonic.Mov when hasImmediate:
                return immediate & mask;
            case Mnemonic.Mov or Mnemonic.Movzx when write.Op1Kind == OpKind.Memory || IsHighByte(write.Op1Register):
                return Math.Min(Bits.Mask(WidthOfSource(write)), mask);
            case Mnemonic.And when hasImmediate && (immediate & mask) <= asked.Limit:
                return immediate & mask;
            case Mnemonic.And when hasImmediate:
                return Ask(asked, place, facts);
            case Mnemonic.And when write.Op1Kind == OpKind.Register && !IsHighByte(write.Op1Register):
                return Ask(asked, place, facts) ?? Ask(asked with { Register = write.Op1Register.GetFullRegister() }, place, facts);
            case Mnemonic.Shr when hasImmediate:
                return Shifted(write.Op0Register.GetSize() * 8, immediate);
            case Mnemonic.Xor or Mnemonic.Sub when write.Op1Kind == OpKind.Register && write.Op1Register == write.Op0Register:
                return 0;
            case Mnemonic.Or or Mnemonic.Xor when write.Op1Kind == OpKind.Register && !IsHighByte(write.Op1Register):
                return Both(asked, place, write.Op1Register, facts) is { } largest ? Bits.Mask(64 - BitOperations.LeadingZeroCount(largest | 1)) : null;
            case Mnemonic.Add or Mnemonic.Inc when hasImmediate || write.Mnemonic == Mnemonic.Inc:
                return Sum(asked, place, hasImmediate ? immediate & mask : 1, facts);
            default:
                if (write.ConditionCode == ConditionCode.None) return null;
                if (write.OpCount == 1) return 1; // setcc
                return write.Op1Kind == OpKind.Register ? Both(asked, place, write.Op1Register, facts) : null; // cmovcc
        }
    }

    private ulong? Both(Question asked, CodePlace place, Register other, PathFacts facts)
    {
        if (Ask(asked, place, facts) is not { } first) return null;
        return Ask(asked with { Register = other.GetFullRegister() }, place, facts) is { } second ? Math.Max(first, second) : null;
    }

    private ulong? Sum(Question asked, CodePlace place, ulong added, PathFacts facts) =>
        added <= asked.Limit && Ask(asked, place, facts) is { } before ? before + added : null;

    /// <summary>The processor takes the count modulo 64 for 64-bit operands and modulo 32 for others (SDM vol. 2B, SHR).</summary>
    private static ulong Shifted(int width, ulong count) => Bits.Mask(width) >> (int)(count & (width == 64 ? 63UL : 31UL));

    private static bool IsHighByte(Register register) => register is Register.AH or Register.BH or Register.CH or Register.DH;
}
