using KernOpt.Linux.Memory;
using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Linux.Threads;

/// <summary>Calls by the stub in the slack of a segment (<see cref="CallStub"/>): the thread stops before and behind each.</summary>
internal sealed class SteppedCalls(TargetMemory memory, Address place) : IHeldCalls
{
    /// <summary>No address: the last page of all is never mapped. With an offset in the stub added, an argument stands for what lies there.</summary>
    public const ulong NameMark = ulong.MaxValue - 4095;

    public (Outcome<Done> Value, LetGo? End) Make(HeldThread held, CallBatch batch, out bool isInside)
    {
        isInside = false;
        if (!memory.Write(place, CallStub.Build(held.Alone))) return (Reasons.StoreFailed.With($"{place}"), null);
        var longest = TimeSpan.Zero;
        do
        {
            var began = held.Elapsed;
            if (MakeNext(held, batch, out isInside, out var end) is { } refusal) return (refusal, end);
            longest = held.Elapsed - began is var took && took > longest ? took : longest;
        }
        while (!batch.IsComplete && held.Elapsed + (2 * longest) < RemoteCalls.HoldTime);
        var left = LeaveStub(held);
        isInside = left == LetGo.Late;
        return (Done.It, left);
    }

    /// <summary>
    /// From the stop that it is in, the thread enters the stub, makes one call, and stops at its exit. At every instant it has all before it that it needs: let go, it makes at
    /// most this call, and goes on where it was. Null when the call was made; otherwise how the thread was let go.
    /// </summary>
    private Refusal? MakeNext(HeldThread held, CallBatch batch, out bool isInside, out LetGo? end)
    {
        (isInside, end) = (false, LetGo.Ended);
        var call = batch.Next;
        if (call.A is >= NameMark and < NameMark + CallStub.Size) call = call with { A = place.Value + (call.A - NameMark) };
        if (Ptrace.SetRegisters(held.Id, CallStub.Entry(held.Stopped, place, call)) < 0) return Reasons.ThreadLost.With($"thread {held.Id}");
        if (RunToSystemCall(held, out end) is { } before)
        {
            // It has its own registers back, unless it did not come in time: then it will run the stub whenever it wakes.
            isInside = end == LetGo.Late;
            return before;
        }
        isInside = true;
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
            var report = TracerThread.Wait(held.Id, RemoteCalls.CallTime);
            if (report.IsSystemCall) return null;
            held.IsGone = report.Kind == StopKind.Gone;
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
        var report = TracerThread.Wait(held.Id, RemoteCalls.CallTime);
        if (report.HasEnded) return LetGo.Ended;
        if (report.Kind == StopKind.TimedOut) return LetGo.Late;
        return held.Release(report.IsSignalDelivery ? report.Code : 0);
    }
}
