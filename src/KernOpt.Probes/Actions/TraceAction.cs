using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Probes.Compile;
using KernOpt.Probes.Language;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Probes.Actions;

/// <summary>
/// <c>trace(A, B, …)</c>: a record of each passage in a ring that all points share (<see cref="RecordRing"/>): which point, the processor's time stamp, and the values.
/// </summary>
public sealed record TraceAction(ImmutableArray<Expression> Fields) : ProbeAction
{
    public const int MostFields = 13;
    public const int Capacity = 1 << CapacityBits;

    private const int CapacityBits = 12;

    public override ImmutableArray<Expression> Values => Fields;

    /// <summary><c>check(CONDITION)</c>: what is recorded are passages in which this does not hold. Null where all are.</summary>
    public Expression? Checked { get; init; }

    internal override Expression? Condition => Checked is null ? null : new UnaryOperation(UnaryOperator.Not, Checked);

    internal override int Words => 1;
    internal override int SharedWords => Ring.Words;
    internal override int MostBytes => 224 + 48 * Fields.Length;

    /// <summary>rdtsc answers in these.</summary>
    internal override ImmutableArray<Register> Named => [Register.RAX, Register.RDX];

    internal override int Registers => 4 + (Fields.IsEmpty ? 0 : Fields.Max(Needs.OfValue));

    private RecordRing Ring => new(CapacityBits, Fields.Length <= 5 ? 3 : 4);

    internal override void Emit(PassageCode passage, int words)
    {
        var code = passage.Code;
        var (record, sequence) = (passage.Free(2), passage.Free(3));
        Label full = code.CreateLabel(), done = code.CreateLabel();
        Ring.Begin(passage, record, sequence, full);
        for (var i = 0; i < Fields.Length; i++) Record(passage, i, record);
        RecordRing.End(passage, record, sequence);
        code.jmp(done);
        code.Label(ref full);
        RecordRing.Lose(passage);
        code.Label(ref done);
        code.nop();
    }

    /// <summary>A record that has been begun is finished, also where a read finds nothing: then a bit above the point's number says so.</summary>
    private void Record(PassageCode passage, int field, AssemblerRegister64 record)
    {
        var code = passage.Code;
        var place = __qword_ptr[record + (RecordRing.ContentIn + 8 * field)];
        Label unreadable = code.CreateLabel(), done = code.CreateLabel();
        passage.Unreadable = unreadable;
        code.mov(place, passage.Compute(Fields[field], 4));
        if (!passage.MakesSystemCalls) return;
        code.jmp(done);
        code.Label(ref unreadable);
        code.mov(place, 0);
        code.or(__dword_ptr[record + (RecordRing.PointIn + 4)], 1 << field);
        code.Label(ref done);
        code.nop();
    }

    /// <summary>
    /// Moves finished records into the list, in order. Word, store: of the shared words. GivesUp: the first record is passed over if it is still being written: its thread has ended, or left it
    /// by longjmp.
    /// </summary>
    public Drained Drain(Func<int, ulong> word, Action<int, ulong> store, ICollection<TraceRecord> into, bool givesUp) => Ring.Drain(word, store, at =>
        into.Add(new TraceRecord((int)word(at + 1), word(at + 2), [.. Enumerable.Range(at + RecordRing.ContentWord, Fields.Length).Select(word)]) { Unreadable = (uint)(word(at + 1) >> 32) }), givesUp);

    /// <summary>Passages that found the ring full.</summary>
    public static ulong LostOf(Func<int, ulong> word) => RecordRing.LostOf(word);

    public bool Equals(TraceAction? other) => other is not null && Equals(Checked, other.Checked) && Fields.SequenceEqual(other.Fields);

    public override int GetHashCode() => Fields.Aggregate(0, HashCode.Combine);

    public override string ToString() => Checked is not null ? $"check({Checked})" : Fields.IsEmpty ? "trace" : $"trace({string.Join(", ", Fields)})";
}

/// <summary>One passage: the number of its point, the processor's time stamp, and the values of the fields.</summary>
public sealed record TraceRecord(int Point, ulong Time, ImmutableArray<ulong> Values)
{
    /// <summary>A bit for each field that was read where nothing can be read; its value is 0.</summary>
    public uint Unreadable { get; init; }
}
