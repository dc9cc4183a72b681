using System.Runtime.InteropServices;
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

    /// <summary>How far below the end of its stack a thread's control block may lie: thread-local variables and glibc's struct pthread come after it or before.</summary>
    private const ulong ControlBlockReach = 64 * 1024;

    private readonly PointerScan scan = new(memory, ranges);
    private readonly HashSet<ulong> ownStacks = [];
    private int seen, held;

    public Outcome<Quiescence> Prove()
    {
        if (map.Mappings.Count == 0) return NotProved("the memory map could not be read");
        var sharers = Sharers.Of(pid, map, ranges);
        if (sharers.Others.Count > 0) return NotProved($"the region is also mapped by pid {string.Join(", ", sharers.Others)}");
        int[] processes = [pid, .. sharers.SameAddressSpace];
        if (LookAtAll(processes) is { } first) return NotProved(first);
        if (ScanOtherMemory() is { } pointer) return NotProved(pointer);
        if (LookAtAll(processes) is { } second) return NotProved(second);
        // A child that was forked in between shares the region, and began where its parent was then.
        if (Sharers.Of(pid, map, ranges) is var later && later.Others.Concat(later.SameAddressSpace).Except(processes).Any()) return NotProved("the process forked meanwhile");
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
                var threads = ThreadFacts.List(process);
                if (threads.Count == 0 && Directory.Exists($"/proc/{process}")) return $"the threads of pid {process} could not be listed";
                foreach (var thread in threads.Where(done.Add))
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
            var pointer = MappingOf(facts.StackPointer) is { } mapping ? ScanStack(mapping, facts.StackPointer, ulong.MaxValue, thread, threadPointer: null) : null;
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
        var outcome = holds.Hold<Done>(thread, BlockedTime.None, stopped =>
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
        if (MappingOf(registers.Rsp) is not { } mapping) return null;
        var end = mapping.Range.End.Value;
        if (end - registers.Rsp > LargestHeldStack) return $"thread {stopped.Id} runs on a stack of {end - registers.Rsp} bytes, too deep to be read while it is held";
        return ScanStack(mapping, registers.Rsp, LargestHeldStack, stopped.Id, registers.FsBase) is { } at ? $"the stack of thread {stopped.Id} has a pointer at {at}" : null;
    }

    private Address? ScanStack(Mapping mapping, ulong stackPointer, ulong most, int thread, ulong? threadPointer)
    {
        var end = mapping.Range.End.Value;
        if (IsOwnStack(mapping, stackPointer, thread, threadPointer)) ownStacks.Add(mapping.Range.Start.Value);
        var from = (stackPointer - RedZone) & ~7UL;
        return scan.Find(new Address(from), new Address(Math.Min(end, from + Math.Min(most, ulong.MaxValue - from))));
    }

    /// <summary>The mapping that a stack pointer is in. A stack that was mapped after our map was read is looked up anew.</summary>
    private Mapping? MappingOf(ulong stackPointer) => map.At(new Address(stackPointer)) ?? new TargetMap(MapsFile.Read(pid), []).At(new Address(stackPointer));

    /// <summary>
    /// Whether all of the mapping is this thread's own stack, so that below its stack pointer lies nothing that anybody returns to: the first thread's [stack], and for
    /// others a mapping that ends with the thread's control block, as pthread_create(3) lays it out. Memory out of which a program cuts stacks for
    /// coroutines has no such end.
    /// </summary>
    private bool IsOwnStack(Mapping mapping, ulong stackPointer, int thread, ulong? threadPointer)
    {
        if (thread == pid) return mapping.Path == "[stack]";
        if (mapping.Path.Length > 0) return false;
        if (threadPointer is { } known) return known > stackPointer && mapping.Range.Contains(new Address(known));
        var from = Math.Max(stackPointer & ~7UL, mapping.Range.End.Value - Math.Min(mapping.Range.Length, ControlBlockReach));
        var words = new ulong[(mapping.Range.End.Value - from) / 8];
        if (memory.Read(new Address(from), MemoryMarshal.AsBytes(words.AsSpan())) != words.Length * 8) return false;
        // The block's first and third word hold its own address (psABI, "Thread-Local Storage"; glibc's tcbhead_t).
        for (var i = 0; i + 2 < words.Length; i++)
        {
            if (words[i] == from + ((ulong)i * 8) && words[i + 2] == words[i]) return true;
        }
        return false;
    }

    /// <summary>All private writable memory except threads' own stacks, which were scanned from their stack pointers: below them lies rubbish.</summary>
    private string? ScanOtherMemory()
    {
        var mappings = MapsFile.Read(pid).Where(m => m.IsPrivate && m.Protection.HasFlag(Protection.Write) && !ownStacks.Contains(m.Range.Start.Value)).ToList();
        if (mappings.Count == 0) return "the memory map could not be read";
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
