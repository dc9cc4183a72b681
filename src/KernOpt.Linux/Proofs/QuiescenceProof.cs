using KernOpt.Linux.Memory;
using KernOpt.Linux.Native;
using KernOpt.Linux.Threads;
using KernOpt.Target;

namespace KernOpt.Linux.Proofs;

/// <summary>
/// Proves that nothing will execute in some ranges again, once no new entry is possible. A thread comes back only to its instruction pointer or to an address
/// on its stack, and these only ever leave the ranges: so each thread needs to be seen outside once, at its own moment. A blocked thread is
/// read without stopping it, and counts when its context switches are the same before and after; a running one is held. Then all other private writable
/// memory is scanned, for stacks that no thread is on (coroutines, alternate signal stacks), and the threads are seen once more.
/// Hidden return addresses (glibc mangles those in a jmp_buf) are not found: functions that call setjmp are refused elsewhere.
/// </summary>
internal sealed class QuiescenceProof(int pid, TargetMemory memory, ThreadHolds holds, TargetMap map, IReadOnlyList<AddressRange> ranges, ulong scanLimit)
{
    private const int RedZone = 128;
    private const ulong LargestHeldStack = 1 << 20;
    private const int MostLooks = 4;

    private readonly PointerScan scan = new(memory, ranges);
    private readonly HashSet<ulong> stacks = [];
    private int seen, held;

    public Outcome<Quiescence> Prove()
    {
        var sharers = Sharers.Of(pid, map, ranges);
        if (sharers.Others.Count > 0) return NotProved($"the region is also mapped by pid {string.Join(", ", sharers.Others)}");
        int[] processes = [pid, .. sharers.SameAddressSpace];
        if (LookAtAll(processes) is { } first) return NotProved(first);
        if (ScanOtherMemory() is { } pointer) return NotProved(pointer);
        if (LookAtAll(processes) is { } second) return NotProved(second);
        return new Quiescence(true, $"{seen} threads outside, {held} of them held; no pointer in their stacks and in other private memory", seen, held);
    }

    private Quiescence NotProved(string evidence) => new(false, evidence, seen, held);

    /// <summary>Looks at threads until a listing shows none that was not looked at. Answers evidence against, or null.</summary>
    private string? LookAtAll(int[] processes)
    {
        var done = new HashSet<int>();
        for (var isNew = true; isNew;)
        {
            isNew = false;
            foreach (var process in processes)
            {
                foreach (var thread in ThreadFacts.List(process).Where(done.Add))
                {
                    isNew = true;
                    if (Look(process, thread) is { } against) return against;
                }
            }
        }
        seen = Math.Max(seen, done.Count);
        return null;
    }

    private string? Look(int process, int thread)
    {
        for (var look = 0; look < MostLooks; look++)
        {
            if (ThreadFacts.Read(process, thread) is not { } facts || facts.State is 'Z' or 'X') return null;
            if (facts.Call is null) break;
            if (scan.Hits(facts.InstructionPointer)) return $"thread {thread} is at {new Address(facts.InstructionPointer)}";
            var pointer = ScanStack(facts.StackPointer, ulong.MaxValue);
            var after = ThreadFacts.Read(process, thread);
            if (after is null) return null;
            if (after.Call is null || after.Switches != facts.Switches || after.StackPointer != facts.StackPointer) continue;
            return pointer is { } at ? $"the stack of thread {thread} has a pointer at {at}" : null;
        }
        return LookHeld(thread);
    }

    private string? LookHeld(int thread)
    {
        string? against = null;
        var outcome = holds.Hold<Done>(thread, TimeSpan.Zero, stopped =>
        {
            against = Judge(stopped);
            return (Done.It, null);
        });
        held++;
        if (outcome.IsDone) return against;
        return outcome.Refusal.Reason == Reasons.ThreadLost ? null : $"thread {thread} could not be seen ({outcome.Refusal})";
    }

    private string? Judge(HeldThread stopped)
    {
        var registers = stopped.Stopped;
        foreach (var word in Registers.Words(registers))
        {
            if (scan.Hits(word)) return $"thread {stopped.Id} has {new Address(word)} in a register";
        }
        var end = StackEnd(registers.Rsp);
        if (end - registers.Rsp > LargestHeldStack) return $"thread {stopped.Id} runs on a stack of {end - registers.Rsp} bytes, too deep to be read while it is held";
        return ScanStack(registers.Rsp, LargestHeldStack) is { } at ? $"the stack of thread {stopped.Id} has a pointer at {at}" : null;
    }

    private Address? ScanStack(ulong stackPointer, ulong most)
    {
        var from = (stackPointer - RedZone) & ~7UL;
        return scan.Find(new Address(from), new Address(Math.Min(StackEnd(stackPointer), from + Math.Min(most, ulong.MaxValue - from))));
    }

    /// <summary>The end of the mapping that the stack pointer is in. A thread's stack that was mapped after our map was read is looked up anew.</summary>
    private ulong StackEnd(ulong stackPointer)
    {
        var mapping = map.At(new Address(stackPointer)) ?? new TargetMap(MapsFile.Read(pid), []).At(new Address(stackPointer));
        if (mapping is null) return stackPointer;
        stacks.Add(mapping.Range.Start.Value);
        return mapping.Range.End.Value;
    }

    /// <summary>All private writable memory except the stacks that threads are on, which were scanned from their stack pointers: below them lies rubbish.</summary>
    private string? ScanOtherMemory()
    {
        var mappings = MapsFile.Read(pid).Where(m => m.IsPrivate && m.Protection.HasFlag(Protection.Write) && m.Path != "[stack]" && !stacks.Contains(m.Range.Start.Value));
        var pages = new PresentPages(pid);
        var runs = mappings.SelectMany(m => pages.Of(m.Range)).ToList();
        var total = (ulong)runs.Sum(r => (long)r.Length);
        if (total > scanLimit) return $"{total} bytes of private memory are more than the {scanLimit} that may be scanned";
        foreach (var run in runs)
        {
            if (scan.Find(run.Start, run.End) is { } at) return $"private memory has a pointer at {at}";
        }
        return null;
    }
}
