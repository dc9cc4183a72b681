using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Live.Points;
using KernOpt.Live.Stubs;
using KernOpt.Probes.Compile;
using KernOpt.Probes.Language;
using KernOpt.Target;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Probes.Actions;

/// <summary>
/// How long calls of functions that wait last, by what they wait for (their first argument) and by who called: of those that last at least so many cycles; the others are only counted. Points
/// are the functions' entries and exits; or before and behind futex(2), by rdi there, of operations that wait; not both in one function.
/// <code>
///     shared:  calls without room ; exits without entry ; waits without a row ; their cycles ; … ; slot: call, time of its entry, what for ; … ; row ; …
///     row:     claimed ; what for ; caller ; function or system call ; waits ; cycles ; longest
///     exit:    calls that ended ; waits ; their cycles
/// </code>
/// A call is known as for <see cref="TimeAction"/>.
/// </summary>
/// <param name="ThreadNumberOffset">See <see cref="ITarget.FindThreadNumberOffset"/>.</param>
/// <param name="LeastCycles">0 to 2^31-1.</param>
public sealed record WaitAction(int ThreadNumberOffset, int LeastCycles) : ProbeAction
{
    private const int SlotBits = 10, Probes = 8, Slots = (1 << SlotBits) + Probes - 1;
    private const int SlotShift = 5, SlotBytes = 1 << SlotShift, SlotWords = SlotBytes / 8;
    private const int KeyIn = 0, TimeIn = 8, LockIn = 16;
    private const int RowBits = 9, RowProbes = 16, Rows = (1 << RowBits) + RowProbes - 1;
    private const int RowShift = 6, RowBytes = 1 << RowShift, RowWords = RowBytes / 8;
    private const int ClaimIn = 0, WhatIn = 8, CallerIn = 16, FunctionIn = 24, WaitsIn = 32, CyclesIn = 40, LongestIn = 48;
    private const int NoRoom = 0, NoEntry = 1, NoRow = 2, NoRowCycles = 3, Table = 8, FirstRow = Table + SlotWords * Slots;
    private const int Ended = 0, Waits = 1, Cycles = 2;
    private const int Key = 2, Slot = 3, Tries = 4, Value = 5, What = 6, Caller = 7;

    private static readonly SlotTable TableOfMarks = new(Table, SlotBits, SlotShift, Probes);

    /// <summary>linux/futex.h: FUTEX_WAIT, LOCK_PI, WAIT_BITSET, WAIT_REQUEUE_PI, LOCK_PI2.</summary>
    private const ulong WaitingOperations = 1 << 0 | 1 << 6 | 1 << 9 | 1 << 11 | 1 << 13;
    private const int OperationMask = 0x7f;

    internal override int Words => 3;
    internal override int SharedWords => FirstRow + RowWords * Rows;
    internal override int MostBytes => 768;

    /// <summary>rdtsc answers in both, cmpxchg compares with rax.</summary>
    internal override ImmutableArray<Register> Named => [Register.RAX, Register.RDX];
    internal override int Registers => 8;

    internal override Refusal? Check(FunctionGraph graph, Point point)
    {
        if (IsSystemCall(point.Instruction) == IsBehindSystemCall(graph, point) && FunctionEntry.IsAt(graph, point) == FunctionExit.IsAt(point)) return Reasons.NotTimed.With($"{graph.Function} at {point}");
        return ReturnAddressPlace.Above(graph, point.Block.Index, point.Index) is null ? Reasons.CallerNotKnown.With($"{graph.Function} at {point}") : null;
    }

    /// <summary>A point in a function that waits is an entry or an exit; others are at system calls.</summary>
    internal override void Emit(PassageCode passage, int words)
    {
        var (graph, point) = (passage.Context.Graph, passage.Context.Point);
        if (IsBehindSystemCall(graph, point)) Leave(passage, words, SystemCallBefore(graph, point), isSystemCall: true);
        else if (IsSystemCall(point.Instruction)) Enter(passage, Register.RDI);
        else if (FunctionEntry.IsAt(graph, point)) Enter(passage, Register.None);
        else Leave(passage, words, graph.Function.Start, isSystemCall: false);
    }

    private static bool IsSystemCall(in Instruction instruction) => instruction.Mnemonic == Mnemonic.Syscall;

    private static bool IsBehindSystemCall(FunctionGraph graph, Point point) => CallSitePoints.IsBehindSite(graph, point, out var site) && IsSystemCall(site);

    private static Address SystemCallBefore(FunctionGraph graph, Point point) => CallSitePoints.IsBehindSite(graph, point, out var site) ? new Address(site.IP) : Address.Zero;

    /// <summary>Register: of a futex, else none. What for is fetched before anything else, the time last.</summary>
    private void Enter(PassageCode passage, Register futex)
    {
        var code = passage.Code;
        var (slot, free, what) = (passage.Free(Slot), passage.Free(Value), passage.Free(What));
        Label own = code.CreateLabel(), full = code.CreateLabel(), done = code.CreateLabel();
        if (futex != Register.None)
        {
            passage.Compute(new RegisterValue(Register.ESI), Value);
            code.and(free.Low32(), OperationMask);
            code.mov(rax, WaitingOperations);
            code.cmp(free.Low32(), 63);
            code.ja(done);
            code.bt(rax, free);
            code.jae(done);
        }
        passage.Compute(futex == Register.None ? new Argument(0) : new RegisterValue(futex), What);
        FirstSlot(passage);
        passage.TakeSlot(TableOfMarks, Search(passage), free, own, full);
        code.Label(ref own);
        code.mov(__qword_ptr[slot + LockIn], what);
        passage.ReadTimeStamp(rax, rdx);
        code.mov(__qword_ptr[slot + TimeIn], rax);
        code.jmp(done);
        code.Label(ref full);
        code.LockedIncrement(passage.Context.SharedWord(NoRoom));
        code.Label(ref done);
        code.nop();
    }

    /// <summary>The time is taken first.</summary>
    private void Leave(PassageCode passage, int words, Address function, bool isSystemCall)
    {
        var code = passage.Code;
        var (slot, time, what) = (passage.Free(Slot), passage.Free(Value), passage.Free(What));
        Label found = code.CreateLabel(), missed = code.CreateLabel(), done = code.CreateLabel();
        passage.ReadTimeStamp(rax, rdx);
        code.mov(time, rax);
        FirstSlot(passage);
        passage.FindSlot(TableOfMarks, Search(passage), found, missed);
        code.Label(ref missed);
        // Operations that do not wait have no mark.
        if (!isSystemCall) code.LockedIncrement(passage.Context.SharedWord(NoEntry));
        code.jmp(done);
        code.Label(ref found);
        code.mov(rax, __qword_ptr[slot + TimeIn]);
        code.mov(what, __qword_ptr[slot + LockIn]);
        code.mov(__qword_ptr[slot + TimeIn], 0);
        code.mov(__qword_ptr[slot + KeyIn], 0);
        code.LockedIncrement(passage.Context.Word(words + Ended));
        code.sub(time, rax);
        // The clocks of two processors may differ: such a call has not waited.
        code.jb(done);
        code.cmp(time, LeastCycles);
        code.jb(done);
        code.LockedAdd(passage.Context.Word(words + Cycles), time);
        code.LockedIncrement(passage.Context.Word(words + Waits));
        Record(passage, function, done);
        code.Label(ref done);
        code.nop();
    }

    /// <summary>Adds to the row of what was waited for, by whom, in which function.</summary>
    private static void Record(PassageCode passage, Address function, Label done)
    {
        var code = passage.Code;
        var (mine, row, tries, time, what, caller) = (passage.Free(Key), passage.Free(Slot), passage.Free(Tries), passage.Free(Value), passage.Free(What), passage.Free(Caller));
        Label next = code.CreateLabel(), take = code.CreateLabel(), further = code.CreateLabel(), found = code.CreateLabel();
        passage.Compute(new ReturnAddress(), Caller);
        code.mov(mine, function.Value);
        code.lea(rdx, __[what + caller * 8]);
        code.add(rdx, mine);
        passage.Hash(rax, rdx, RowBits, RowShift);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Lea_r64_m, row, StubAssembler.At(passage.Context.SharedWord(FirstRow))));
        code.add(row, rax);
        code.mov(tries.Low32(), RowProbes);
        code.Label(ref next);
        code.mov(rax, __qword_ptr[row + ClaimIn]);
        code.test(rax, rax);
        code.je(take);
        code.js(further);
        code.cmp(__qword_ptr[row + WhatIn], what);
        code.jne(further);
        code.cmp(__qword_ptr[row + CallerIn], caller);
        code.jne(further);
        code.cmp(__qword_ptr[row + FunctionIn], mine);
        code.je(found);
        code.Label(ref further);
        code.add(row, RowBytes);
        code.dec(tries.Low32());
        code.jne(next);
        code.LockedAdd(passage.Context.SharedWord(NoRowCycles), time);
        code.LockedIncrement(passage.Context.SharedWord(NoRow));
        code.jmp(done);
        code.Label(ref take);
        // rax is 0, the claim of a free row.
        code.mov(rdx, 1UL << 63);
        code.@lock.cmpxchg(__qword_ptr[row + ClaimIn], rdx);
        code.jne(next);
        code.mov(__qword_ptr[row + WhatIn], what);
        code.mov(__qword_ptr[row + CallerIn], caller);
        code.mov(__qword_ptr[row + FunctionIn], mine);
        code.mov(__qword_ptr[row + ClaimIn], 1);
        code.Label(ref found);
        code.@lock.inc(__qword_ptr[row + WaitsIn]);
        code.@lock.add(__qword_ptr[row + CyclesIn], time);
        // Once: of two that are longest at one moment either may stay.
        code.mov(rax, __qword_ptr[row + LongestIn]);
        code.cmp(time, rax);
        code.jbe(done);
        code.@lock.cmpxchg(__qword_ptr[row + LongestIn], time);
    }

    /// <summary>Uses rax.</summary>
    private void FirstSlot(PassageCode passage)
    {
        passage.FetchThreadNumber(rax, ThreadNumberOffset);
        passage.FetchCallKey(passage.Free(Key));
        passage.FetchFirstSlot(TableOfMarks, Search(passage));
    }

    private static SlotRegisters Search(PassageCode passage) => new(passage.Free(Key), passage.Free(Slot), passage.Free(Tries));

    /// <summary>The rows until now. Word: of the words in common.</summary>
    public static WaitTimes Read(Func<int, ulong> word)
    {
        var rows = new Dictionary<WaitKey, WaitSum>();
        for (var i = 0; i < Rows; i++)
        {
            var row = FirstRow + i * RowWords;
            // The claim first: what a row is of was written before it.
            if (word(row + ClaimIn / 8) != 1) continue;
            var key = new WaitKey(word(row + WhatIn / 8), new Address(word(row + CallerIn / 8)), new Address(word(row + FunctionIn / 8)));
            var known = rows.GetValueOrDefault(key);
            rows[key] = new WaitSum(known.Waits + word(row + WaitsIn / 8), known.Cycles + word(row + CyclesIn / 8), Math.Max(known.Longest, word(row + LongestIn / 8)));
        }
        return new WaitTimes(rows, new WaitSum(word(NoRow), word(NoRowCycles), 0), word(NoRoom), word(NoEntry));
    }

    /// <summary>What calls that have not come back wait for, and the time stamp of when each began; also of those whose threads have ended or left by a jump.</summary>
    public static IEnumerable<(ulong What, ulong Since)> ReadOpen(Func<int, ulong> word)
    {
        for (var i = 0; i < Slots; i++)
        {
            var slot = Table + i * SlotWords;
            var (key, since, what) = (word(slot + KeyIn / 8), word(slot + TimeIn / 8), word(slot + LockIn / 8));
            if (key != 0 && since != 0 && word(slot + KeyIn / 8) == key) yield return (what, since);
        }
    }

    /// <summary>Calls that ended at an exit, those of them that waited, and their cycles. Word: of the point.</summary>
    public static (ulong Ended, ulong Waits, ulong Cycles) ReadExit(Func<int, ulong> word) => (word(Ended), word(Waits), word(Cycles));

    public override string ToString() => "waits";
}

/// <summary>What was waited for, where the function returned to, and which function, or system call, it was.</summary>
public readonly record struct WaitKey(ulong What, Address Caller, Address Function);

/// <summary>Waits, the cycles of all of them together, and of the longest.</summary>
public readonly record struct WaitSum(ulong Waits, ulong Cycles, ulong Longest);

/// <summary>Rows; waits that had no row; calls that had no room, and exits of calls that were not seen to begin.</summary>
public sealed record WaitTimes(IReadOnlyDictionary<WaitKey, WaitSum> Rows, WaitSum Others, ulong NoRoom, ulong NoEntry);
