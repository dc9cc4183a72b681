using System.Diagnostics;
using KernOpt.Linux.Memory;
using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Linux.Threads;

/// <summary>
/// System calls made by a borrowed thread of the target: one thread, one call, then it goes on. See adr/0002-borrowed-threads.md.
/// </summary>
internal sealed class RemoteCalls(int pid, TargetMemory memory, ThreadHolds holds, StubPlaces places, Func<TargetMap> readMap)
{
    private static readonly TimeSpan Trying = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan CallTime = TimeSpan.FromSeconds(2);

    private readonly Lock gate = new();

    /// <summary>The call's own value, or why it could not be made; an error of the call itself is refused with its number.</summary>
    /// <param name="call">Number and arguments.</param>
    /// <param name="only">The one thread that may be borrowed; null: any.</param>
    /// <param name="known">A map that was read not long ago, for one of many calls in a row; null: it is read now.</param>
    public Outcome<ulong> Call(RemoteArguments call, int? only = null, TargetMap? known = null)
    {
        lock (gate)
        {
            // Takes long the first time: what is looked at below must be fresh when a thread is stopped.
            Practice.Once();
            var map = known ?? readMap();
            if (!places.Find(map).Try(out var place, out var why)) return why;
            if (!memory.Write(place, CallStub.Empty())) return Reasons.StoreFailed.With($"{place}");
            var isLeft = true;
            var outcome = Attempt(call, only, place, map, ref isLeft);
            // A thread that did not come back in time may still be in the stub: then a later run clears it.
            if (isLeft) places.Clear(place);
            return outcome;
        }
    }

    /// <summary>Like <see cref="Call"/>, for a call that is given the address of one of the stub's names, by its offset there, as its first argument.</summary>
    public Outcome<ulong> CallWithName(RemoteArguments call, int nameOffset = CallStub.NameOffset) => Call(call with { A = NameMark + (ulong)nameOffset });

    /// <summary>No address: the last page of all is never mapped.</summary>
    private const ulong NameMark = ulong.MaxValue - 4095;

    private Outcome<ulong> Attempt(RemoteArguments call, int? only, Address place, TargetMap map, ref bool isLeft)
    {
        if (call.A is >= NameMark and < NameMark + CallStub.Size) call = call with { A = place.Value + (call.A - NameMark) };
        Refusal last = Reasons.NoThreadToBorrow.With($"pid {pid}");
        for (var started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started) < Trying; SystemCall.Sleep(500_000))
        {
            if (!Candidates(only).Try(out var candidates, out var why)) return why;
            foreach (var thread in candidates)
            {
                var waited = BlockedTime.Of(pid, thread, map);
                Step step = default;
                var outcome = holds.Hold<ulong>(thread.Id, waited, held => Use(held, call, place, out step));
                if (step.IsMade || step.IsInStub)
                {
                    isLeft = !step.IsInStub;
                    return outcome;
                }
                last = outcome.IsDone ? last : outcome.Refusal;
                if (last.Reason.Number is >= 4100 and < 4200 || last.Reason == Reasons.ProcessIsStopped) return last;
            }
        }
        return last;
    }

    /// <summary>IsMade: the call has been made. IsInStub: the thread has not provably left the stub.</summary>
    private readonly record struct Step(bool IsMade, bool IsInStub);

    private Outcome<IReadOnlyList<ThreadFacts>> Candidates(int? only)
    {
        var all = ThreadFacts.List(pid).Where(t => only is null || only == t).Select(t => ThreadFacts.Read(pid, t)).OfType<ThreadFacts>().ToList();
        if (all.Count == 0) return Reasons.TargetGone.With($"pid {pid}");
        // A filter of system calls may kill the process for a call that it does not expect (seccomp(2)).
        if (all.TrueForAll(t => t.HasSystemCallFilter)) return Reasons.SystemCallFilter.With($"pid {pid}");
        return all.Where(t => !t.HasSystemCallFilter && !t.IsTransferring && t.State is 'R' or 'S').OrderBy(t => RestartRules.Rank(t.Call)).ToList();
    }

    private (Outcome<ulong>, LetGo?) Use(HeldThread held, RemoteArguments call, Address place, out Step step)
    {
        step = default;
        if (!ThreadFacts.IsFreeOfFilters(pid, held.Id)) return (Reasons.SystemCallFilter.With($"thread {held.Id} of pid {pid}"), null);
        if (!held.Stopped.IsIn64BitCode || Ptrace.DispatchesSystemCalls(held.Id))
            return (Reasons.NoThreadToBorrow.With($"thread {held.Id} runs 32-bit code or dispatches its own system calls"), null);
        if (!held.Stopped.IsInSystemCall && RestartableSequence.Contains(memory, held.Id, held.Stopped.Rip))
            return (Reasons.NoThreadToBorrow.With($"thread {held.Id} is in a restartable sequence"), null);
        held.RunPromptly();
        if (!memory.Write(place, CallStub.Build(held.Alone))) return (Reasons.StoreFailed.With($"{place}"), null);
        if (Ptrace.SetRegisters(held.Id, CallStub.Entry(held.Stopped, place, call)) < 0) return (Reasons.ThreadLost.With($"thread {held.Id}"), LetGo.Ended);
        if (RunToSystemCall(held, out var end) is { } before)
        {
            // It has its own registers back, unless it did not come in time: then it will run the stub whenever it wakes.
            step = new(false, end == LetGo.Late);
            return (before, end);
        }
        step = new(true, true);
        if (RunToSystemCall(held, out end) is { } inside) return (inside, end);
        if (Ptrace.GetRegisters(held.Id, out var after) < 0) return (Reasons.ThreadLost.With($"thread {held.Id}"), LetGo.Ended);
        end = LeaveStub(held);
        step = new(true, end == LetGo.Late);
        return ((long)after.Rax is < 0 and > -4096 ? Reasons.RemoteCallFailed.With($"{call.Number}: {Errno.Describe((long)after.Rax)}") : after.Rax, end);
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
