using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Live.Stubs;
using KernOpt.Probes.Compile;
using KernOpt.Probes.Language;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Probes.Actions;

/// <summary>
/// <c>trace(A, B, …)</c>: a record of each passage in a ring that all points share: which point, the processor's time stamp, and the values. Where the ring is full the passage is
/// counted as lost. Shared words:
/// <code>
///     head ; … ; tail ; lost ; …        ; taken by passages, freed by the reader, each on its own cache line
///     record:  sequence ; point ; time ; values …
/// </code>
/// The sequence word, 1 and up, is written last.
/// </summary>
public sealed record TraceAction(ImmutableArray<Expression> Fields) : ProbeAction
{
    public const int MostFields = 13;
    public const int Capacity = 4096;

    /// <summary>Records that stay free for threads that found room at the same time.</summary>
    private const int Slack = 64;

    private const int Head = 0, Tail = 8, Lost = 9, Ring = 16;
    private const int SequenceIn = 0, PointIn = 8, TimeIn = 16, ValuesIn = 24;

    public override ImmutableArray<Expression> Values => Fields;

    /// <summary><c>check(CONDITION)</c>: what is recorded are passages in which this does not hold. Null where all are.</summary>
    public Expression? Checked { get; init; }

    internal override Expression? Condition => Checked is null ? null : new UnaryOperation(UnaryOperator.Not, Checked);

    internal override int Words => 1;
    internal override int SharedWords => Ring + Capacity * RecordWords;
    internal override int MostBytes => 224 + 48 * Fields.Length;

    /// <summary>rdtsc answers in these.</summary>
    internal override ImmutableArray<Register> Named => [Register.RAX, Register.RDX];

    internal override int Registers => 4 + (Fields.IsEmpty ? 0 : Fields.Max(Needs.OfValue));

    private int RecordWords => Fields.Length <= 5 ? 8 : 16;
    private int RecordShift => Fields.Length <= 5 ? 6 : 7;

    internal override void Emit(PassageCode passage, int words)
    {
        var code = passage.Code;
        var (record, sequence) = (passage.Free(2), passage.Free(3));
        Label full = code.CreateLabel(), done = code.CreateLabel();
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Mov_r64_rm64, rax, Shared(passage, Head)));
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Sub_r64_rm64, rax, Shared(passage, Tail)));
        code.cmp(rax, Capacity - Slack);
        code.jae(full);
        code.mov(sequence.Low32(), 1);
        var reserve = Instruction.Create(Iced.Intel.Code.Xadd_rm64_r64, Shared(passage, Head), sequence);
        reserve.HasLockPrefix = true;
        code.AddInstruction(reserve);
        code.mov(record.Low32(), sequence.Low32());
        code.and(record.Low32(), Capacity - 1);
        code.shl(record, (byte)RecordShift);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Lea_r64_m, rax, Shared(passage, Ring)));
        code.add(record, rax);
        code.mov(__qword_ptr[record + SequenceIn], 0);
        passage.ReadTimeStamp(rax, rdx);
        code.mov(__qword_ptr[record + TimeIn], rax);
        code.mov(__qword_ptr[record + PointIn], passage.Context.Number);
        for (var i = 0; i < Fields.Length; i++) Record(passage, i, record);
        code.inc(sequence);
        code.mov(__qword_ptr[record + SequenceIn], sequence);
        code.jmp(done);
        code.Label(ref full);
        code.LockedIncrement(passage.Context.SharedWord(Lost));
        code.Label(ref done);
        code.nop();
    }

    /// <summary>A record that has been begun is finished, also where a read finds nothing: then a bit above the point's number says so.</summary>
    private void Record(PassageCode passage, int field, AssemblerRegister64 record)
    {
        var code = passage.Code;
        var place = __qword_ptr[record + (ValuesIn + 8 * field)];
        Label unreadable = code.CreateLabel(), done = code.CreateLabel();
        passage.Unreadable = unreadable;
        code.mov(place, passage.Compute(Fields[field], 4));
        if (!passage.MakesSystemCalls) return;
        code.jmp(done);
        code.Label(ref unreadable);
        code.mov(place, 0);
        code.or(__dword_ptr[record + (PointIn + 4)], 1 << field);
        code.Label(ref done);
        code.nop();
    }

    /// <summary>
    /// Moves finished records into the list, in order. Word, store: of the shared words. GivesUp: the first record is passed over if it is still being written: its thread has ended, or left it
    /// by longjmp.
    /// </summary>
    public Drained Drain(Func<int, ulong> word, Action<int, ulong> store, ICollection<TraceRecord> into, bool givesUp)
    {
        var (head, tail, skipped) = (word(Head), word(Tail), 0UL);
        // More than it holds: more threads than there is slack for found room at once, and wrote over each other's. Or the words were spoilt, which are the target's.
        if (head - tail > Capacity)
        {
            var first = head - Math.Min(head, Capacity);
            skipped = first > tail ? first - tail : 0;
            tail = first;
        }
        for (; tail != head; tail++)
        {
            var at = Ring + (int)(tail % Capacity) * RecordWords;
            if (word(at) == tail + 1) into.Add(new TraceRecord((int)word(at + 1), word(at + 2), [.. Enumerable.Range(at + 3, Fields.Length).Select(word)]) { Unreadable = (uint)(word(at + 1) >> 32) });
            else if (!givesUp) break;
            else skipped++;
            givesUp = false;
        }
        store(Tail, tail);
        return new Drained(tail != head, skipped);
    }

    /// <summary>Passages that found the ring full.</summary>
    public static ulong LostOf(Func<int, ulong> word) => word(Lost);

    public bool Equals(TraceAction? other) => other is not null && Equals(Checked, other.Checked) && Fields.SequenceEqual(other.Fields);

    public override int GetHashCode() => Fields.Aggregate(0, HashCode.Combine);

    public override string ToString() => Checked is not null ? $"check({Checked})" : Fields.IsEmpty ? "trace" : $"trace({string.Join(", ", Fields)})";

    private static MemoryOperand Shared(PassageCode passage, int word) => StubAssembler.At(passage.Context.SharedWord(word));
}

/// <summary>One passage: the number of its point, the processor's time stamp, and the values of the fields.</summary>
public sealed record TraceRecord(int Point, ulong Time, ImmutableArray<ulong> Values)
{
    /// <summary>A bit for each field that was read where nothing can be read; its value is 0.</summary>
    public uint Unreadable { get; init; }
}

/// <summary>IsUnfinished: it stopped at a record that is still being written. Skipped: records that were passed over, written over by others or given up.</summary>
public readonly record struct Drained(bool IsUnfinished, ulong Skipped);
