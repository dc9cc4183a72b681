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
    private static readonly TimeSpan Trying = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan CallTime = TimeSpan.FromSeconds(2);

    /// <summary>
    /// After this time a thread is let go, although more calls are to come: they are for the next one, or for the same one a little later.
    /// </summary>
    private static readonly TimeSpan HoldTime = TimeSpan.FromMicroseconds(500);

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

    /// <summary>Like <see cref="Call"/>, for a call that is given the address of one of the stub's names, by its offset there, as its first argument.</summary>
    public Outcome<ulong> CallWithName(RemoteArguments call, int nameOffset = CallStub.NameOffset) => Call(call with { A = NameMark + (ulong)nameOffset });

    /// <summary>No address: the last page of all is never mapped.</summary>
    private const ulong NameMark = ulong.MaxValue - 4095;

    /// <summary>Answers why some could not be made.</summary>
    private Refusal? Make(CallBatch batch, int? only)
    {
        // Takes long the first time: what is looked at below must be fresh when a thread is stopped.
        Practice.Once();
        var map = readMap();
        if (!places.Find(map).Try(out var place, out var why)) return why;
        if (!memory.Write(place, CallStub.Empty())) return Reasons.StoreFailed.With($"{place}");
        var isLeft = true;
        why = Attempt(batch, only, place, map, ref isLeft);
        // A thread that did not come back in time may still be in the stub: then a later run clears it.
        if (isLeft) places.Clear(place);
        return why;
    }

    private Refusal? Attempt(CallBatch batch, int? only, Address place, TargetMap map, ref bool isLeft)
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
                var isInStub = false;
                var outcome = holds.Hold<Done>(thread.Id, waited, held => Use(held, batch, place, out isInStub));
                isLeft = !isInStub;
                if (batch.IsComplete) return null;
                last = outcome.IsDone ? last : outcome.Refusal;
                if (isInStub || last.Reason.Number is >= 4100 and < 4200 || last.Reason == Reasons.ProcessIsStopped) return last;
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
    /// <param name="place">Where the stub lies.</param>
    /// <param name="isInStub">The thread has not provably left the stub.</param>
    private (Outcome<Done>, LetGo?) Use(HeldThread held, CallBatch batch, Address place, out bool isInStub)
    {
        isInStub = false;
        if (!ThreadFacts.IsFreeOfFilters(pid, held.Id)) return (Reasons.SystemCallFilter.With($"thread {held.Id} of pid {pid}"), null);
        if (!held.Stopped.IsIn64BitCode || Ptrace.DispatchesSystemCalls(held.Id))
            return (Reasons.NoThreadToBorrow.With($"thread {held.Id} runs 32-bit code or dispatches its own system calls"), null);
        if (!held.Stopped.IsInSystemCall && RestartableSequence.Contains(memory, held.Id, held.Stopped.Rip))
            return (Reasons.NoThreadToBorrow.With($"thread {held.Id} is in a restartable sequence"), null);
        held.RunPromptly();
        if (!memory.Write(place, CallStub.Build(held.Alone))) return (Reasons.StoreFailed.With($"{place}"), null);
        var longest = TimeSpan.Zero;
        do
        {
            var began = held.Elapsed;
            if (MakeNext(held, batch, place, out isInStub, out var end) is { } refusal) return (refusal, end);
            longest = held.Elapsed - began is var took && took > longest ? took : longest;
        }
        while (!batch.IsComplete && held.Elapsed + (2 * longest) < HoldTime);
        var left = LeaveStub(held);
        isInStub = left == LetGo.Late;
        return (Done.It, left);
    }

    /// <summary>
    /// From the stop that it is in, the thread enters the stub, makes one call, and stops at its exit. At every instant it has all before it that it needs: let go, it makes at
    /// most this call, and goes on where it was. Null when the call was made; otherwise how the thread was let go.
    /// </summary>
    private static Refusal? MakeNext(HeldThread held, CallBatch batch, Address place, out bool isInStub, out LetGo? end)
    {
        (isInStub, end) = (false, LetGo.Ended);
        var call = batch.Next;
        if (call.A is >= NameMark and < NameMark + CallStub.Size) call = call with { A = place.Value + (call.A - NameMark) };
        if (Ptrace.SetRegisters(held.Id, CallStub.Entry(held.Stopped, place, call)) < 0) return Reasons.ThreadLost.With($"thread {held.Id}");
        if (RunToSystemCall(held, out end) is { } before)
        {
            // It has its own registers back, unless it did not come in time: then it will run the stub whenever it wakes.
            isInStub = end == LetGo.Late;
            return before;
        }
        isInStub = true;
        if (RunToSystemCall(held, out end) is { } inside) return inside;
        end = LetGo.Ended;
        if (Ptrace.GetRegisters(held.Id, out var after) < 0) return Reasons.ThreadLost.With($"thread {held.Id}");
        batch.Note(after.Rax);
        return null;
    }

    /// <summary>Null at the next system call stop; otherwise why not, and how the thread was let go.</summary>
    private static Refusal? RunToSystemCall(HeldThread held, out LetGo? end)
    {
        while (true)
        {
            end = LetGo.Ended;
            if (Ptrace.ContinueToSystemCall(held.Id) < 0) return Reasons.ThreadLost.With($"thread {held.Id}");
            var report = TracerThread.Wait(held.Id, CallTime);
            if (report.IsSystemCall) return null;
            if (report.HasEnded) return Reasons.ThreadLost.With($"thread {held.Id}");
            end = LetGo.Late;
            if (report.Kind == StopKind.TimedOut) return Reasons.NoThreadToBorrow.With($"thread {held.Id} did not come back from the call");
            if (report.IsGroupStop)
            {
                end = held.Release();
                return Reasons.ProcessIsStopped.With($"thread {held.Id}");
            }
            if (!report.IsSignalDelivery) continue;
            end = held.Release(report.Code);
            return Reasons.NoThreadToBorrow.With($"thread {held.Id} was sent a signal");
        }
    }

    /// <summary>
    /// From the exit of the call to a stop in which the kernel's restart handling still comes, without one instruction of the program in between: the
    /// interrupt is pending when the thread continues, so it stops before it returns to user mode.
    /// </summary>
    private static LetGo LeaveStub(HeldThread held)
    {
        Ptrace.Interrupt(held.Id);
        if (Ptrace.Continue(held.Id) < 0) return LetGo.Ended;
        var report = TracerThread.Wait(held.Id, CallTime);
        if (report.HasEnded) return LetGo.Ended;
        if (report.Kind == StopKind.TimedOut) return LetGo.Late;
        return held.Release(report.IsSignalDelivery ? report.Code : 0);
    }
}
