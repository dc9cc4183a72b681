using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Live.Points;
using KernOpt.Live.Stubs;
using KernOpt.Probes.Compile;
using KernOpt.Target;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Probes.Actions;

/// <summary>
/// <c>time</c>: how long calls of a function last, what they call included, by the processor's time stamp. Points are the function's entry and all its exits. A call is known by its thread
/// and by where its return address lies, which no other call shares while it lasts; so recursion, threads and signals do not mix. A call that is left otherwise (longjmp, an
/// exception, the thread's end) leaves its mark behind, which the next call at the same place takes over: it is not counted. The predicate is asked at the entry.
/// <para>
/// Threads that were given a row (<see cref="GiveRows"/>) keep their marks and sums there, without a locked instruction: this file. The others share a table: TimeAction.Table.cs.
/// </para>
/// <code>
///     shared:  calls without room ; exits without entry ; … ; row: thread + 1, … , mark: place, time of its entry … ; … ; table
///     exit:    of all threads without a row: sum of the times ; number of times of 1, 2..3, 4..7, … cycles ; … ; the same of each row
/// </code>
/// Distinct as long as no two threads of the processes that share the region have one number.
/// </summary>
/// <param name="ThreadNumberOffset">See <see cref="ITarget.FindThreadNumberOffset"/>.</param>
/// <param name="IsCpuTime"><c>cpu-time</c>: the thread's CPU time in ns instead, which the kernel is asked for.</param>
public sealed partial record TimeAction(int ThreadNumberOffset, bool IsCpuTime = false) : ProbeAction
{
    private const int Rows = 8;
    private const int RowWords = 8 + 2 * MarksOfRow, MarksIn = 64, MarksOfRow = 64 + Tries, MarkShift = 4;

    /// <summary>Marks that a call may have, from the one that its place leads to.</summary>
    private const int Tries = 8;

    private const int MarkBytes = 16, TimeIn = 8;
    private const int NoRoom = 0, NoEntry = 1, FirstRow = 8, Table = FirstRow + Rows * RowWords;
    private const int Sum = 0, Histogram = 1, Buckets = 64;

    /// <summary>Whole cache lines.</summary>
    private const int TimesWords = 72;

    internal override int Words => TimesWords * (1 + Rows);
    internal override int SharedWords => Table + TableWords;
    internal override int MostBytes => 768;

    /// <summary>rdtsc answers in both, cmpxchg compares with rax.</summary>
    internal override ImmutableArray<Register> Named => [Register.RAX, Register.RDX];
    internal override int Registers => 7;

    internal override Refusal? Check(FunctionGraph graph, Point point)
    {
        var isEntry = FunctionEntry.IsAt(graph, point);
        if (isEntry == FunctionExit.IsAt(point)) return Reasons.NotTimed.With($"{graph.Function} at {point}");
        return ReturnAddressPlace.Above(graph, point.Block.Index, point.Index) is null ? Reasons.CallerNotKnown.With($"{graph.Function} at {point}") : null;
    }

    internal override bool NeedsSystemCalls => IsCpuTime;

    internal override bool HasOtherwise => true;

    internal override bool IsConditional(FunctionGraph graph, Point point) => FunctionEntry.IsAt(graph, point);

    internal override void Emit(PassageCode passage, int words)
    {
        if (FunctionEntry.IsAt(passage.Context.Graph, passage.Context.Point)) Enter(passage);
        else Leave(passage, words);
    }

    /// <summary>The time is taken last.</summary>
    private void Enter(PassageCode passage)
    {
        var code = passage.Code;
        var (key, mark, tries) = (passage.Free(2), passage.Free(3), passage.Free(4));
        Label table = code.CreateLabel(), further = code.CreateLabel(), next = code.CreateLabel(), take = code.CreateLabel(), full = code.CreateLabel(), stamp = code.CreateLabel(), done = code.CreateLabel();
        FirstOfRow(passage, table);
        // Marks of calls that lie deeper in the stack have been left behind, or are of another stack: then that one's exit finds none, and says so.
        code.cmp(__qword_ptr[mark], key);
        code.ja(further);
        code.Label(ref take);
        code.mov(__qword_ptr[mark], key);
        passage.Land(ref stamp);
        ReadClock(passage);
        code.mov(__qword_ptr[mark + TimeIn], rax);
        passage.Land(ref done);
        passage.OutOfLine(further, () =>
        {
            code.mov(tries.Low32(), Tries - 1);
            code.Label(ref next);
            code.add(mark, MarkBytes);
            code.cmp(__qword_ptr[mark], key);
            code.jbe(take);
            code.dec(tries.Low32());
            code.jne(next);
            code.Label(ref full);
            code.LockedIncrement(passage.Context.SharedWord(NoRoom));
            code.jmp(done);
        });
        passage.OutOfLine(table, () =>
        {
            EnterTable(passage, full);
            code.jmp(stamp);
        });
    }

    /// <summary>The time is taken first.</summary>
    private void Leave(PassageCode passage, int words)
    {
        var code = passage.Code;
        var (key, mark, tries, time, row) = (passage.Free(2), passage.Free(3), passage.Free(4), passage.Free(5), passage.Free(6));
        Label table = code.CreateLabel(), further = code.CreateLabel(), next = code.CreateLabel(), found = code.CreateLabel(), missed = code.CreateLabel(), done = code.CreateLabel();
        ReadClock(passage);
        code.mov(time, rax);
        FirstOfRow(passage, table);
        // The time first: what a signal's handler takes over meanwhile has another place by then.
        code.mov(rax, __qword_ptr[mark + TimeIn]);
        code.cmp(__qword_ptr[mark], key);
        code.jne(further);
        code.Label(ref found);
        code.mov(__qword_ptr[mark], 0);
        Subtract(passage, time, rax, rdx);
        code.imul(row.Low32(), row.Low32(), 8 * TimesWords);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Lea_r64_m, mark, StubAssembler.At(passage.Context.Word(words + TimesWords))));
        code.add(mark, row);
        code.add(__qword_ptr[mark + 8 * Sum], time);
        passage.Magnitude(time);
        code.inc(__qword_ptr[mark + time * 8 + 8 * Histogram]);
        passage.Land(ref done);
        passage.OutOfLine(further, () =>
        {
            code.mov(tries.Low32(), Tries - 1);
            code.Label(ref next);
            code.add(mark, MarkBytes);
            code.mov(rax, __qword_ptr[mark + TimeIn]);
            code.cmp(__qword_ptr[mark], key);
            code.je(found);
            code.dec(tries.Low32());
            code.jne(next);
            code.Label(ref missed);
            code.LockedIncrement(passage.Context.SharedWord(NoEntry));
            code.jmp(done);
        });
        passage.OutOfLine(table, () =>
        {
            LeaveTable(passage, words, missed);
            code.jmp(done);
        });
    }

    /// <summary>A mark that a call at this place has left behind must not be found at the exit of one that is not timed.</summary>
    internal override void EmitOtherwise(PassageCode passage)
    {
        var code = passage.Code;
        var (key, mark, tries) = (passage.Free(2), passage.Free(3), passage.Free(4));
        Label table = code.CreateLabel(), found = code.CreateLabel(), next = code.CreateLabel(), further = code.CreateLabel();
        FirstOfRow(passage, table);
        passage.Land(ref found);
        code.mov(tries.Low32(), Tries);
        code.Label(ref next);
        code.cmp(__qword_ptr[mark], key);
        code.jne(further);
        code.mov(__qword_ptr[mark], 0);
        code.Label(ref further);
        code.add(mark, MarkBytes);
        code.dec(tries.Low32());
        code.jne(next);
        passage.OutOfLine(table, () =>
        {
            FirstOfTable(passage);
            code.jmp(found);
        });
    }

    /// <summary>
    /// The thread's row and where the call's marks begin in it; to the label where it has none. Leaves the thread's number in rax, and the row's in the last register.
    /// </summary>
    private void FirstOfRow(PassageCode passage, Label none)
    {
        var code = passage.Code;
        var (key, mark, tries, row) = (passage.Free(2), passage.Free(3), passage.Free(4), passage.Free(6));
        passage.FetchThreadNumber(rax, ThreadNumberOffset);
        code.mov(row.Low32(), eax);
        code.and(row.Low32(), Rows - 1);
        code.imul(mark.Low32(), row.Low32(), 8 * RowWords);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Lea_r64_m, tries, StubAssembler.At(passage.Context.SharedWord(FirstRow))));
        code.add(mark, tries);
        code.lea(rdx, __[rax + 1]);
        code.cmp(__qword_ptr[mark], rdx);
        code.jne(none);
        passage.FetchFrame(key);
        code.mov(edx, key.Low32());
        code.and(edx, (MarksOfRow - Tries - 1) << MarkShift);
        code.lea(mark, __[mark + rdx + MarksIn]);
    }

    private void ReadClock(PassageCode passage)
    {
        if (IsCpuTime) passage.ReadCpuTime(rax);
        else passage.ReadTimeStamp(rax, rdx);
    }

    private static void Subtract(PassageCode passage, AssemblerRegister64 time, AssemblerRegister64 begin, AssemblerRegister64 free)
    {
        passage.Code.sub(time, begin);
        passage.ZeroIfBelow(time, free);
    }

    /// <summary>Gives each of these threads a row, as far as theirs is free; rows are never taken back. Word, store: of the shared words.</summary>
    public static void GiveRows(IEnumerable<int> threads, Func<int, ulong> word, Action<int, ulong> store)
    {
        foreach (var thread in threads)
        {
            var row = FirstRow + RowWords * (thread & (Rows - 1));
            if (word(row) == 0) store(row, (ulong)thread + 1);
        }
    }

    /// <summary>What an exit has recorded. Word: reads one of the point's words, from the action's first.</summary>
    public static CallTimes Read(Func<int, ulong> word) =>
        Enumerable.Range(0, 1 + Rows).Aggregate(CallTimes.None, (sum, of) => sum.Plus(new(word(of * TimesWords + Sum), [.. Enumerable.Range(of * TimesWords + Histogram, Buckets).Select(word)])));

    /// <summary>Calls that found no room, and exits of calls that were not seen to begin, by the shared words.</summary>
    public static (ulong NoRoom, ulong NoEntry) Missed(Func<int, ulong> word) => (word(NoRoom), word(NoEntry));

    public override string ToString() => IsCpuTime ? "cpu-time" : "time";
}
