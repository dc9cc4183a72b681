using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Live.Stubs;
using KernOpt.Probes.Compile;
using KernOpt.Probes.Language;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Probes.Actions;

/// <summary>
/// <c>values(A, B, …)</c>: how often each value occurs, exactly, for the first some 64 different ones of each expression; others are counted together. A table for each expression:
/// <code>
///     other                             ; values that found no slot
///     slot:  value ; count              ; count 0: free, negative: being taken
/// </code>
/// A value is looked for in <see cref="Probes"/> slots from the one that it hashes to (Knuth, TAOCP 3, §6.4). The same value may get two slots when threads meet: the reader adds them up.
/// </summary>
public sealed record ValuesAction(ImmutableArray<Expression> Expressions) : ProbeAction
{
    public const int MostExpressions = 6;

    private const int SlotBits = 6;
    private const int Probes = 8;
    private const int Slots = (1 << SlotBits) + Probes - 1;
    private const int BytesOfPart = 64, BytesOfCall = 256;
    private const int SlotBytes = 16, SlotShift = 4, CountIn = 8;

    public override ImmutableArray<Expression> Values => Expressions;

    internal const int WordsPerTable = 1 + 2 * Slots;

    internal override int Words => Expressions.Length * WordsPerTable;
    internal override int MostBytes => 160 * Expressions.Length + Expressions.Where(Reads).Skip(1).Sum(e => e.All().Sum(part => part is Load or SystemCallValue ? BytesOfCall : BytesOfPart));

    /// <summary>lock cmpxchg compares with rax.</summary>
    internal override ImmutableArray<Register> Named => [Register.RAX];

    internal override int Registers => Math.Max(5, 1 + Expressions.Max(Needs.OfValue));

    /// <summary>
    /// A passage is in all tables or, where a checked read finds nothing, in none: so those that may leave are asked before any is counted, and the one that is not asked twice comes first.
    /// </summary>
    internal override void Emit(PassageCode passage, int words)
    {
        var mayLeave = passage.MakesSystemCalls ? Enumerable.Range(0, Expressions.Length).Where(i => Reads(Expressions[i])).ToList() : [];
        foreach (var i in mayLeave.Skip(1)) passage.Compute(Expressions[i], 1);
        foreach (var i in mayLeave.Take(1).Union(Enumerable.Range(0, Expressions.Length))) Count(passage, Expressions[i], words + i * WordsPerTable);
    }

    private static bool Reads(Expression expression) => expression.All().Any(part => part is Load);

    private static void Count(PassageCode passage, Expression expression, int table)
    {
        var code = passage.Code;
        var (value, slot, tries, mark) = (passage.Compute(expression, 1), passage.Free(2), passage.Free(3), passage.Free(4));
        Label next = code.CreateLabel(), take = code.CreateLabel(), further = code.CreateLabel(), found = code.CreateLabel(), done = code.CreateLabel();
        passage.Hash(mark, value, SlotBits, SlotShift);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Lea_r64_m, slot, StubAssembler.At(passage.Context.Word(table + 1))));
        code.add(slot, mark);
        code.mov(tries.Low32(), Probes);
        code.Label(ref next);
        code.mov(rax, __qword_ptr[slot + CountIn]);
        code.test(rax, rax);
        code.je(take);
        code.js(further);
        code.cmp(__qword_ptr[slot], value);
        code.je(found);
        code.Label(ref further);
        code.add(slot, SlotBytes);
        code.dec(tries.Low32());
        code.jne(next);
        code.LockedIncrement(passage.Context.Word(table));
        code.jmp(done);
        code.Label(ref take);
        // rax is 0, the count of a free slot.
        code.mov(mark, 1UL << 63);
        code.@lock.cmpxchg(__qword_ptr[slot + CountIn], mark);
        code.jne(next);
        code.mov(__qword_ptr[slot], value);
        code.mov(__qword_ptr[slot + CountIn], 1);
        code.jmp(done);
        code.Label(ref found);
        code.@lock.inc(__qword_ptr[slot + CountIn]);
        code.Label(ref done);
        code.nop();
    }

    /// <summary>What a table holds. Word: reads one of the point's words, from the action's first.</summary>
    public static ValueCounts Read(int expression, Func<int, ulong> word)
    {
        var table = expression * WordsPerTable;
        var counts = new Dictionary<ulong, ulong>();
        for (var slot = 0; slot < Slots; slot++)
        {
            // The count first: its slot's value was written before it.
            if ((long)word(table + 2 + 2 * slot) is not (> 0 and var count)) continue;
            var value = word(table + 1 + 2 * slot);
            counts[value] = counts.GetValueOrDefault(value) + (ulong)count;
        }
        return new ValueCounts([.. counts.OrderByDescending(c => c.Value).ThenBy(c => c.Key)], word(table));
    }

    public bool Equals(ValuesAction? other) => other is not null && Expressions.SequenceEqual(other.Expressions);

    public override int GetHashCode() => Expressions.Aggregate(0, HashCode.Combine);

    public override string ToString() => $"values({string.Join(", ", Expressions)})";
}

/// <summary>Values and how often they occurred, the most frequent first; and how many occurrences of others found no place in the table.</summary>
public sealed record ValueCounts(IReadOnlyList<KeyValuePair<ulong, ulong>> Counts, ulong Other)
{
    public ulong Total => Counts.Aggregate(Other, (sum, c) => sum + c.Value);

    /// <summary>What came after an earlier reading of the same table.</summary>
    public ValueCounts Since(ValueCounts earlier)
    {
        var before = earlier.Counts.ToDictionary();
        var since = Counts.Select(c => KeyValuePair.Create(c.Key, c.Value - before.GetValueOrDefault(c.Key))).Where(c => c.Value > 0);
        return new ValueCounts([.. since.OrderByDescending(c => c.Value).ThenBy(c => c.Key)], Other - earlier.Other);
    }
}
