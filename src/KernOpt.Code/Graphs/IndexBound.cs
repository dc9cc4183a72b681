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
internal sealed class IndexBound(FunctionGraph graph, AbiRegisterUse effects)
{
    /// <summary>Larger tables are not believed.</summary>
    public const ulong Largest = 1 << 14;

    private const int MostSteps = 20_000;
    private const int MostAdditions = 4;

    /// <summary>Walks started out of walks: a value that a loop changes in each round would start one for each.</summary>
    private const int MostNested = 50;

    /// <summary>Blocks on one path, over all walks that are under way: each takes room on the thread's stack.</summary>
    private const int LongestPath = 2_000;

    private int steps;
    private int nested;
    private int length;

    /// <summary>
    /// What is asked: (the low Width bits of the value + Added) modulo 2^Width, which must be at most Limit. Steps counts the additions.
    /// </summary>
    private readonly record struct Question(ValueLocation Location, int Width, ulong Limit, ulong Added = 0, int Steps = 0)
    {
        public Question At(ValueLocation location, int width) => this with { Location = location, Width = width };
    }

    private readonly record struct Visit(int Block, Question Question);

    public ulong? Of(Register full, CodePlace before)
    {
        steps = 0;
        return Ask(new Question(ValueLocation.Of(full), 64, Largest), before, PathFacts.Nothing);
    }

    private ulong? Ask(Question question, CodePlace before, PathFacts facts)
    {
        if (nested == MostNested) return null;
        nested++;
        var answer = Walk(question, before, facts, []);
        nested--;
        return answer is { } bound && bound <= question.Limit ? bound : Trivial(question);
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
            if (question.Location.IsChangedBy(instruction, effects))
            {
                return question.Location.IsMemory ? Trivial(question) : FromWrite(question, new CodePlace(from.Block, i), instruction, facts, walked);
            }
            facts = facts.Before(instruction, effects);
            if (facts.MostOf(question.Location, question.Width, question.Width, question.Added) is { } known) return known <= question.Limit ? known : Trivial(question);
        }
        if (graph.IsEntered(block)) return Trivial(question);
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
        if (length == LongestPath) return null;
        length++;
        var answer = Walk(question, new CodePlace(source.Index, source.Instructions.Length), facts, walked);
        length--;
        return answer;
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
        var width = WidthOfDestination(write, question.Location.Register);
        if (width == 0 || (width < 32 && width < question.Width)) return Trivial(question);
        var content = Math.Min(question.Width, write.Mnemonic == Mnemonic.Movzx ? ValueLocation.WidthOf(write, 1) : width);
        if (facts.MostOf(question.Location, content, question.Width, question.Added) is { } known && known <= question.Limit) return known;
        if (question.Added != 0 && question.Width > width) return Trivial(question);
        var asked = question with { Width = Math.Min(question.Width, width) };
        var before = facts.Before(write, effects);
        var answer = (MovedValue(asked, write) ?? AddedTo(asked, write)) is { } moved
            ? WalkOn(moved, place, before, walked)
            : asked.Added == 0 ? ChangedValue(asked, place, write, before) : null;
        return answer is { } bound && bound <= question.Limit ? bound : Trivial(question);
    }

    private ulong? WalkOn(Question question, CodePlace place, PathFacts facts, Dictionary<Visit, List<PathFacts>> walked)
    {
        var known = facts.MostOf(question.Location, question.Width, question.Width, question.Added);
        return known <= question.Limit ? known : Walk(question, place, facts, walked);
    }

    private static int WidthOfDestination(in Instruction write, Register full) => write.Mnemonic switch
    {
        Mnemonic.Cdqe => 64,
        Mnemonic.Cwde => 32,
        _ when write.Op0Kind != OpKind.Register || write.OpCount == 0 => 0,
        _ when write.Op0Register.GetFullRegister() != full || ValueLocation.IsHighByte(write.Op0Register) => 0,
        _ => write.Op0Register.GetSize() * 8,
    };

    /// <summary>The question about the source of a plain move; null when the instruction makes a new value.</summary>
    private static Question? MovedValue(Question asked, in Instruction write)
    {
        if (write.Mnemonic == Mnemonic.Cdqe) return Extended(asked, ValueLocation.Of(Register.RAX), 32);
        if (write.Mnemonic == Mnemonic.Cwde) return Extended(asked, ValueLocation.Of(Register.RAX), 16);
        if (write.OpCount != 2 || ValueLocation.Of(write, 1) is not { } source) return null;
        var width = ValueLocation.WidthOf(write, 1);
        return write.Mnemonic switch
        {
            Mnemonic.Mov => asked.At(source, asked.Width),
            Mnemonic.Movzx when asked.Width <= width || asked.Added == 0 => asked.At(source, Math.Min(asked.Width, width)),
            Mnemonic.Movsx or Mnemonic.Movsxd => Extended(asked, source, width),
            _ => null,
        };
    }

    /// <summary>A sign-extended number is the number itself when its own sign bit is clear.</summary>
    private static Question? Extended(Question asked, ValueLocation source, int width)
    {
        if (asked.Width <= width) return asked.At(source, asked.Width);
        return asked.Added == 0 ? new Question(source, width, Math.Min(asked.Limit, Bits.Mask(width - 1))) : null;
    }

    /// <summary>Adding a constant: the question about the sum becomes one about the value before.</summary>
    private static Question? AddedTo(Question asked, in Instruction write)
    {
        if (asked.Steps >= MostAdditions) return null;
        var next = asked with { Steps = asked.Steps + 1 };
        var hasImmediate = write.OpCount == 2 && write.Op1Kind.IsImmediate();
        switch (write.Mnemonic)
        {
            case Mnemonic.Add when hasImmediate:
                return next with { Added = asked.Added + write.GetImmediate(1) };
            case Mnemonic.Sub when hasImmediate:
                return next with { Added = asked.Added - write.GetImmediate(1) };
            case Mnemonic.Inc:
                return next with { Added = asked.Added + 1 };
            case Mnemonic.Dec:
                return next with { Added = asked.Added - 1 };
            case Mnemonic.Lea when write.MemoryIndex == Register.None && write.MemoryBase.IsGPR64():
                return next with { Location = ValueLocation.Of(write.MemoryBase), Added = asked.Added + write.MemoryDisplacement64 };
            default:
                return null;
        }
    }

    /// <summary>Instructions that make a new value out of others, of which a bound is a bound of the result.</summary>
    private ulong? ChangedValue(Question asked, CodePlace place, in Instruction write, PathFacts facts)
    {
        var mask = Bits.Mask(asked.Width);
        var hasImmediate = write.OpCount == 2 && write.Op1Kind.IsImmediate();
        var immediate = hasImmediate ? write.GetImmediate(1) : 0;
        var other = write.OpCount == 2 && write.Op1Kind == OpKind.Register ? ValueLocation.Of(write, 1) : null;
        switch (write.Mnemonic)
        {
            case Mnemonic.Mov when hasImmediate:
                return immediate & mask;
            case Mnemonic.And when hasImmediate:
                return (immediate & mask) <= asked.Limit ? immediate & mask : Ask(asked, place, facts);
            case Mnemonic.And when other is { } masking:
                return Ask(asked, place, facts) ?? Ask(asked with { Location = masking }, place, facts);
            case Mnemonic.Shr when hasImmediate:
                return Shifted(write.Op0Register.GetSize() * 8, immediate);
            case Mnemonic.Xor or Mnemonic.Sub when other is not null && write.Op1Register == write.Op0Register:
                return 0;
            case Mnemonic.Or or Mnemonic.Xor when other is { } second:
                return Both(asked, place, second, facts) is { } largest ? Bits.Mask(64 - BitOperations.LeadingZeroCount(largest | 1)) : null;
            default:
                if (write.ConditionCode == ConditionCode.None) return null;
                if (write.OpCount == 1) return 1; // setcc
                return other is { } chosen ? Both(asked, place, chosen, facts) : null; // cmovcc
        }
    }

    private ulong? Both(Question asked, CodePlace place, ValueLocation other, PathFacts facts)
    {
        if (Ask(asked, place, facts) is not { } first) return null;
        return Ask(asked with { Location = other }, place, facts) is { } second ? Math.Max(first, second) : null;
    }

    /// <summary>The processor takes the count modulo 64 for 64-bit operands and modulo 32 for others (SDM vol. 2B, SHR).</summary>
    private static ulong Shifted(int width, ulong count) => Bits.Mask(width) >> (int)(count & (width == 64 ? 63UL : 31UL));
}
