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
/// <code>
///     shared:  calls without room ; exits without entry ; … ; slot: call, time of its entry     ; call 0: free
///     exit:    sum of the times ; number of times of 1, 2..3, 4..7, … cycles
/// </code>
/// Distinct as long as no two threads of the processes that share the region have numbers that differ by a multiple of 2^20.
/// </summary>
/// <param name="ThreadNumberOffset">See <see cref="ITarget.FindThreadNumberOffset"/>.</param>
public sealed record TimeAction(int ThreadNumberOffset) : ProbeAction
{
    private const int SlotBits = 10;
    private const int Probes = 8;
    private const int Slots = (1 << SlotBits) + Probes - 1;
    private const int SlotBytes = 16, SlotShift = 4, TimeIn = 8;
    private const int NoRoom = 0, NoEntry = 1, Table = 8;
    private const int Sum = 0, Histogram = 1, Buckets = 64;
    private const ulong GoldenRatio = 0x9E3779B97F4A7C15;

    internal override int Words => Histogram + Buckets;
    internal override int SharedWords => Table + 2 * Slots;
    internal override int MostBytes => 384;

    /// <summary>rdtsc answers in both, cmpxchg compares with rax.</summary>
    internal override ImmutableArray<Register> Named => [Register.RAX, Register.RDX];
    internal override int Registers => 6;

    internal override Refusal? Check(FunctionGraph graph, Point point)
    {
        var isEntry = FunctionEntry.IsAt(graph, point);
        if (isEntry == FunctionExit.IsAt(point)) return Reasons.NotTimed.With($"{graph.Function} at {point}");
        return ReturnAddressPlace.Above(graph, point.Block.Index, point.Index) is null ? Reasons.CallerNotKnown.With($"{graph.Function} at {point}") : null;
    }

    internal override bool IsConditional(FunctionGraph graph, Point point) => FunctionEntry.IsAt(graph, point);

    internal override void Emit(PassageCode passage, int words)
    {
        if (FunctionEntry.IsAt(passage.Context.Graph, passage.Context.Point)) Enter(passage);
        else Leave(passage, words);
    }

    /// <summary>Looks at all slots that the call may have, so that it never has two; the time is taken last.</summary>
    private void Enter(PassageCode passage)
    {
        var code = passage.Code;
        var (key, slot, tries, free) = (passage.Free(2), passage.Free(3), passage.Free(4), passage.Free(5));
        Label next = code.CreateLabel(), further = code.CreateLabel(), own = code.CreateLabel(), full = code.CreateLabel(), done = code.CreateLabel();
        FirstSlot(passage, key, slot);
        code.mov(tries.Low32(), Probes);
        code.mov(free.Low32(), 0);
        code.Label(ref next);
        code.mov(rax, __qword_ptr[slot]);
        code.cmp(rax, key);
        code.je(own);
        code.test(rax, rax);
        code.jne(further);
        code.test(free, free);
        code.cmove(free, slot);
        code.Label(ref further);
        code.add(slot, SlotBytes);
        code.dec(tries.Low32());
        code.jne(next);
        code.test(free, free);
        code.je(full);
        code.mov(slot, free);
        code.mov(eax, 0);
        code.@lock.cmpxchg(__qword_ptr[slot], key);
        // Somebody else has taken it in this moment: the call is given up, rather than looked for again.
        code.jne(full);
        code.Label(ref own);
        code.rdtsc();
        code.shl(rdx, 32);
        code.or(rax, rdx);
        code.mov(__qword_ptr[slot + TimeIn], rax);
        code.jmp(done);
        code.Label(ref full);
        code.LockedIncrement(passage.Context.SharedWord(NoRoom));
        code.Label(ref done);
        code.nop();
    }

    internal override bool HasOtherwise => true;

    /// <summary>A mark that a call at this place has left behind must not be found at the exit of one that is not timed.</summary>
    internal override void EmitOtherwise(PassageCode passage)
    {
        var code = passage.Code;
        var (key, slot, tries) = (passage.Free(2), passage.Free(3), passage.Free(4));
        Label next = code.CreateLabel(), further = code.CreateLabel();
        FirstSlot(passage, key, slot);
        code.mov(tries.Low32(), Probes);
        code.Label(ref next);
        code.cmp(__qword_ptr[slot], key);
        code.jne(further);
        code.mov(__qword_ptr[slot], 0);
        code.Label(ref further);
        code.add(slot, SlotBytes);
        code.dec(tries.Low32());
        code.jne(next);
    }

    /// <summary>The time is taken first.</summary>
    private void Leave(PassageCode passage, int words)
    {
        var code = passage.Code;
        var (key, slot, tries, time) = (passage.Free(2), passage.Free(3), passage.Free(4), passage.Free(5));
        Label next = code.CreateLabel(), found = code.CreateLabel(), done = code.CreateLabel();
        code.rdtsc();
        code.shl(rdx, 32);
        code.or(rdx, rax);
        code.mov(time, rdx);
        FirstSlot(passage, key, slot);
        code.mov(tries.Low32(), Probes);
        code.Label(ref next);
        code.cmp(__qword_ptr[slot], key);
        code.je(found);
        code.add(slot, SlotBytes);
        code.dec(tries.Low32());
        code.jne(next);
        code.LockedIncrement(passage.Context.SharedWord(NoEntry));
        code.jmp(done);
        code.Label(ref found);
        code.mov(rax, __qword_ptr[slot + TimeIn]);
        code.mov(__qword_ptr[slot], 0);
        code.sub(time, rax);
        // The clocks of two processors may differ by less than it takes to get from one to the other: no time at all, then, is one of 0.
        code.mov(eax, 0);
        code.cmovb(time, rax);
        code.AddInstruction(LockedAdd(passage, words + Sum, time));
        code.or(time, 1);
        code.bsr(time, time);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Lea_r64_m, slot, StubAssembler.At(passage.Context.Word(words + Histogram))));
        code.@lock.inc(__qword_ptr[slot + time * 8]);
        code.Label(ref done);
        code.nop();
    }

    private static Instruction LockedAdd(PassageCode passage, int word, AssemblerRegister64 value)
    {
        var add = Instruction.Create(Iced.Intel.Code.Add_rm64_r64, StubAssembler.At(passage.Context.Word(word)), value);
        add.HasLockPrefix = true;
        return add;
    }

    /// <summary>44 bits of the place of the return address, 20 of the thread's number; uses rax.</summary>
    private void FirstSlot(PassageCode passage, AssemblerRegister64 key, AssemblerRegister64 slot)
    {
        var code = passage.Code;
        passage.FetchThreadNumber(passage.Free(0), ThreadNumberOffset);
        code.shl(rax, 44);
        passage.FetchFrame(key);
        code.shr(key, 3);
        code.or(key, rax);
        code.mov(rax, GoldenRatio);
        code.imul(rax, key);
        code.shr(rax, 64 - SlotBits);
        code.shl(rax, SlotShift);
        code.AddInstruction(Instruction.Create(Iced.Intel.Code.Lea_r64_m, slot, StubAssembler.At(passage.Context.SharedWord(Table))));
        code.add(slot, rax);
    }

    /// <summary>What an exit has recorded. Word: reads one of the point's words, from the action's first.</summary>
    public static CallTimes Read(Func<int, ulong> word) => new(word(Sum), [.. Enumerable.Range(0, Buckets).Select(b => word(Histogram + b))]);

    /// <summary>Calls that found no room, and exits of calls that were not seen to begin, by the shared words.</summary>
    public static (ulong NoRoom, ulong NoEntry) Missed(Func<int, ulong> word) => (word(NoRoom), word(NoEntry));

    public override string ToString() => "time";
}

/// <summary>Times of calls in cycles of the time stamp: their sum, and how many took 2^n to 2^(n+1)-1.</summary>
public sealed record CallTimes(ulong Sum, ImmutableArray<ulong> Histogram)
{
    public static readonly CallTimes None = new(0, [.. new ulong[64]]);

    public ulong Calls => Histogram.Aggregate(0UL, (sum, n) => sum + n);

    public CallTimes Plus(CallTimes other) => new(Sum + other.Sum, [.. Histogram.Zip(other.Histogram, (a, b) => a + b)]);

    public CallTimes Since(CallTimes earlier) => new(Sum - earlier.Sum, [.. Histogram.Zip(earlier.Histogram, (a, b) => a - b)]);

    /// <summary>No more cycles than this in a share of the calls, 0 to 1: within a factor of two. 0 where there are no calls.</summary>
    public ulong AtMost(double share)
    {
        var calls = Calls;
        var seen = 0UL;
        for (var n = 0; n < Histogram.Length && calls > 0; n++)
        {
            seen += Histogram[n];
            if (seen >= share * calls) return n == 63 ? ulong.MaxValue : (2UL << n) - 1;
        }
        return 0;
    }
}
