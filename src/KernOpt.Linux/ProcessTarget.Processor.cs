using KernOpt.Linux.Native;
using KernOpt.Linux.Sampling;
using KernOpt.Linux.Threads;
using KernOpt.Target;

namespace KernOpt.Linux;

public sealed partial class ProcessTarget
{
    private Address? threadPointer;
    private int? threadNumberOffset;

    public Outcome<int> FindThreadNumberOffset()
    {
        if (threadNumberOffset is { } known) return known;
        var found = ThreadNumberPlace.Find(Pid, memory, holds, ReadMap);
        if (found.Try(out var offset, out _)) threadNumberOffset = offset;
        return found;
    }

    public IReadOnlyList<int> ReadThreadNumbers() => [.. ThreadFacts.List(Pid).Select(id => ThreadNumberPlace.InnermostNumber(Pid, id)).OfType<int>()];

    /// <summary>Of the threads that are there now; one that cannot be read may have one.</summary>
    public bool HasSystemCallFilter => ThreadFacts.List(Pid) is not { Count: > 0 } threads || threads.Exists(id => !ThreadFacts.IsFreeOfFilters(Pid, id));

    public Refusal WhyNotCounted(string counter) => HardwareCounter.WhyNot(Pid, counter);

    /// <summary>A process has no counter of its own.</summary>
    public ulong ReadTimeStamp() => TimeStampCounter.Read();

    /// <summary>Of the first thread that can be held; read once, since memory that a thread has left behind is as good to read.</summary>
    public Outcome<Address> ReadThreadPointer()
    {
        if (threadPointer is { } known) return known;
        var map = ReadMap();
        Refusal last = Reasons.NoThreadToBorrow.With(Name);
        foreach (var id in ThreadFacts.List(Pid))
        {
            if (ThreadFacts.Read(Pid, id) is not { } thread) continue;
            var read = holds.Hold<Address>(id, BlockedTime.Of(Pid, thread, map), held => (new Address(held.Stopped.FsBase), null));
            if (read.IsDone) threadPointer = read.Value;
            if (read.Try(out _, out var why)) return read;
            last = why;
        }
        return last;
    }
}
