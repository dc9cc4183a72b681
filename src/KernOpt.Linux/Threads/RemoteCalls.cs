using System.Diagnostics;
using KernOpt.Linux.Memory;
using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Linux.Threads;

/// <summary>
/// System calls made by a borrowed thread of the target: one thread, a call or some in a row, then it goes on. See adr/0002-borrowed-threads.md.
/// </summary>
internal sealed class RemoteCalls(int pid, TargetMemory memory, ThreadHolds holds, StubPlaces places, Func<TargetMap> readMap)
{
    /// <summary>
    /// After this time a thread is let go, although more calls are to come: they are for the next one, or for the same one a little later.
    /// </summary>
    public static readonly TimeSpan HoldTime = TimeSpan.FromMicroseconds(500);

    /// <summary>How long a thread may take to come back from a call.</summary>
    public static readonly TimeSpan CallTime = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan Trying = TimeSpan.FromSeconds(3);

    private readonly Lock gate = new();

    /// <summary>The call's own value, or why it could not be made; an error of the call itself is refused with its number.</summary>
    /// <param name="call">Number and arguments.</param>
    /// <param name="only">The one thread that may be borrowed; null: any.</param>
    public Outcome<ulong> Call(RemoteArguments call, int? only = null) => CallAll([call], only)[0];

    /// <summary>
    /// The same for many, each made whatever became of those before it. No thread is held for more of them than fit into half a millisecond, and one at least. Where threads cannot be
    /// borrowed any more the rest is refused.
    /// </summary>
    public IReadOnlyList<Outcome<ulong>> CallAll(IReadOnlyList<RemoteArguments> calls, int? only = null)
    {
        var batch = new CallBatch(calls);
        lock (gate) return batch.Results(calls.Count == 0 ? null : Make(batch, only));
    }

    /// <summary>The same, with code that lies in a room for it: no stop between one call and the next. They must be calls that no signal interrupts.</summary>
    public IReadOnlyList<Outcome<ulong>> CallAll(IReadOnlyList<RemoteArguments> calls, CallsInARow way, int? only = null)
    {
        var batch = new CallBatch(calls);
        lock (gate)
        {
            Practice.Once();
            var map = readMap();
            var isLeft = true;
            var why = Attempt(batch, only, way, map, ref isLeft);
            if (!isLeft) way.Room.IsEntered = true;
            return batch.Results(why);
        }
    }

    /// <summary>Like <see cref="Call"/>, for a call that is given the address of one of the stub's names, by its offset there, as its first argument.</summary>
    public Outcome<ulong> CallWithName(RemoteArguments call, int nameOffset = CallStub.NameOffset) => Call(call with { A = SteppedCalls.NameMark + (ulong)nameOffset });

    /// <summary>Answers why some could not be made.</summary>
    private Refusal? Make(CallBatch batch, int? only)
    {
        // Takes long the first time: what is looked at below must be fresh when a thread is stopped.
        Practice.Once();
        var map = readMap();
        if (!places.Find(map).Try(out var place, out var why)) return why;
        if (!memory.Write(place, CallStub.Empty())) return Reasons.StoreFailed.With($"{place}");
        var isLeft = true;
        why = Attempt(batch, only, new SteppedCalls(memory, place), map, ref isLeft);
        // A thread that did not come back in time may still be in the stub: then a later run clears it.
        if (isLeft) places.Clear(place);
        return why;
    }

    private Refusal? Attempt(CallBatch batch, int? only, IHeldCalls way, TargetMap map, ref bool isLeft)
    {
        Refusal last = Reasons.NoThreadToBorrow.With($"pid {pid}");
        int? lately = null;
        for (var started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started) < Trying; SystemCall.Sleep(500_000))
        {
            if (!Candidates(only, lately).Try(out var candidates, out var why)) return why;
            lately = null;
            foreach (var thread in candidates)
            {
                var before = batch.Made;
                var waited = BlockedTime.Of(pid, thread, map);
                var isInside = false;
                var outcome = holds.Hold<Done>(thread.Id, waited, held => Use(held, batch, way, out isInside));
                isLeft = !isInside;
                if (batch.IsComplete) return null;
                last = outcome.IsDone ? last : outcome.Refusal;
                if (isInside || last.Reason.Number is >= 4100 and < 4200 || last.Reason == Reasons.ProcessIsStopped || last.Reason == Reasons.NoRoomForStub) return last;
                if (batch.Made == before) continue;
                // The threads are somewhere else by now, and this one is to do work of its own.
                started = Stopwatch.GetTimestamp();
                lately = thread.Id;
                break;
            }
        }
        return last;
    }

    private Outcome<IReadOnlyList<ThreadFacts>> Candidates(int? only, int? lately)
    {
        // None is better than one that runs: to read of all others what they do took a sixth of the processor time of placing and removing thousands of pages.
        if (lately is { } known && ThreadFacts.Read(pid, known) is { Call: null, State: 'R', HasSystemCallFilter: false, IsTransferring: false } again) return new[] { again };
        var all = ThreadFacts.List(pid).Where(t => only is null || only == t).Select(t => ThreadFacts.Read(pid, t)).OfType<ThreadFacts>().ToList();
        if (all.Count == 0) return Reasons.TargetGone.With($"pid {pid}");
        // A filter of system calls may kill the process for a call that it does not expect (seccomp(2)).
        if (all.TrueForAll(t => t.HasSystemCallFilter)) return Reasons.SystemCallFilter.With($"pid {pid}");
        return all.Where(t => !t.HasSystemCallFilter && !t.IsTransferring && t.State is 'R' or 'S').OrderBy(t => RestartRules.Rank(t.Call)).ToList();
    }

    /// <param name="held">The thread.</param>
    /// <param name="batch">What it is to do.</param>
    /// <param name="way">How.</param>
    /// <param name="isInside">The thread has not provably left our code.</param>
    private (Outcome<Done>, LetGo?) Use(HeldThread held, CallBatch batch, IHeldCalls way, out bool isInside)
    {
        isInside = false;
        if (!ThreadFacts.IsFreeOfFilters(pid, held.Id)) return (Reasons.SystemCallFilter.With($"thread {held.Id} of pid {pid}"), null);
        if (!held.Stopped.IsIn64BitCode || Ptrace.DispatchesSystemCalls(held.Id))
            return (Reasons.NoThreadToBorrow.With($"thread {held.Id} runs 32-bit code or dispatches its own system calls"), null);
        if (!held.Stopped.IsInSystemCall && RestartableSequence.Contains(memory, held.Id, held.Stopped.Rip))
            return (Reasons.NoThreadToBorrow.With($"thread {held.Id} is in a restartable sequence"), null);
        held.RunPromptly();
        return way.Make(held, batch, out isInside);
    }
}
