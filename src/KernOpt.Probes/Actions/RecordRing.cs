using Iced.Intel;
using KernOpt.Live.Stubs;
using KernOpt.Probes.Compile;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Probes.Actions;

/// <summary>
/// A ring of records in words that all points share. Where it is full a passage is counted as lost. Words, from the ring's first:
/// <code>
///     head ; … ; tail ; lost ; …        ; taken by passages, freed by the reader, each on its own cache line
///     record:  sequence ; point ; time ; …
/// </code>
/// The sequence word, 1 and up, is written last.
/// </summary>
/// <param name="CapacityBits">It has 2^so many records.</param>
/// <param name="RecordBits">A record has 2^so many words, the first three of them the ring's.</param>
internal readonly record struct RecordRing(int CapacityBits, int RecordBits)
{
    /// <summary>Where a record's point and time are, and what is behind them, in bytes.</summary>
    public const int PointIn = 8, TimeIn = 16, ContentIn = 24;

    /// <summary>Words before the content.</summary>
    public const int ContentWord = ContentIn / 8;

    /// <summary>Records that stay free for threads that found room at the same time.</summary>
    private const int Slack = 64;

    private const int Head = 0, Tail = 8, Lost = 9, First = 16;
    private const int SequenceIn = 0, WordShift = 3;

    public int Capacity => 1 << CapacityBits;
    public int RecordWords => 1 << RecordBits;
    public int Words => First + Capacity * RecordWords;

    /// <summary>Takes a record, or goes to "full"; rax and rdx are used.</summary>
    public void Begin(PassageCode passage, AssemblerRegister64 record, AssemblerRegister64 sequence, Label full)
    {
        var code = passage.Code;
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
        code.shl(record, (byte)(RecordBits + WordShift));
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Lea_r64_m, rax, Shared(passage, First)));
        code.add(record, rax);
        code.mov(__qword_ptr[record + SequenceIn], 0);
        passage.ReadTimeStamp(rax, rdx);
        code.mov(__qword_ptr[record + TimeIn], rax);
        code.mov(__qword_ptr[record + PointIn], passage.Context.Number);
    }

    /// <summary>The record is whole.</summary>
    public static void End(PassageCode passage, AssemblerRegister64 record, AssemblerRegister64 sequence)
    {
        passage.Code.inc(sequence);
        passage.Code.mov(__qword_ptr[record + SequenceIn], sequence);
    }

    /// <summary>What is done instead of a record.</summary>
    public static void Lose(PassageCode passage) => passage.Code.LockedIncrement(passage.Context.SharedWord(Lost));

    /// <summary>
    /// Answers finished records in order, by the number of their first word. Word, store: of the shared words. GivesUp: the first record is passed over if it is still being written: its thread has
    /// ended, or left it by longjmp.
    /// </summary>
    public Drained Drain(Func<int, ulong> word, Action<int, ulong> store, Action<int> use, bool givesUp)
    {
        var (head, tail, skipped) = (word(Head), word(Tail), 0UL);
        // More than it holds: more threads than there is slack for found room at once, and wrote over each other's. Or the words were spoilt, which are the target's.
        if (head - tail > (ulong)Capacity)
        {
            var first = head - Math.Min(head, (ulong)Capacity);
            skipped = first > tail ? first - tail : 0;
            tail = first;
        }
        for (; tail != head; tail++)
        {
            var at = First + (int)(tail % (ulong)Capacity) * RecordWords;
            if (word(at) == tail + 1) use(at);
            else if (!givesUp) break;
            else skipped++;
            givesUp = false;
        }
        store(Tail, tail);
        return new Drained(tail != head, skipped);
    }

    /// <summary>Passages that found the ring full.</summary>
    public static ulong LostOf(Func<int, ulong> word) => word(Lost);

    private static MemoryOperand Shared(PassageCode passage, int word) => StubAssembler.At(passage.Context.SharedWord(word));
}

/// <summary>IsUnfinished: it stopped at a record that is still being written. Skipped: records that were passed over, written over by others or given up.</summary>
public readonly record struct Drained(bool IsUnfinished, ulong Skipped);
