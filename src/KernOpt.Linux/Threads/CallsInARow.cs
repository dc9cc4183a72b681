using KernOpt.Linux.Native;
using KernOpt.Linux.Regions;
using KernOpt.Target;

namespace KernOpt.Linux.Threads;

/// <summary>
/// Calls by code in a <see cref="CallRoom"/>: the thread makes many without a stop between them, and waits at their end until it is stopped and let go. Not stopped, it goes on by itself a
/// little later. It is interrupted when all are made or its time is over, wherever it is by then: what it has made is in the room.
/// </summary>
internal sealed class CallsInARow(CallRoom room) : IHeldCalls
{
    private const long LookEvery = 10_000;

    private const int FewestAtOnce = 16;

    /// <summary>How many are given to it at once: as many as it makes in a part of the time of a hold.</summary>
    private int most = FewestAtOnce;

    public CallRoom Room => room;

    /// <summary>Rows from which the thread had gone on by itself before it was stopped.</summary>
    public int Late { get; private set; }

    public (Outcome<Done> Value, LetGo? End) Make(HeldThread held, CallBatch batch, out bool isInside)
    {
        TimeSpan took;
        do
        {
            var began = held.Elapsed;
            if (MakeSome(held, batch, out isInside, out var end) is { } refusal) return (refusal, end);
            if (end is not null) return (Done.It, end);
            took = held.Elapsed - began;
            most = took < RemoteCalls.HoldTime / 4 ? Math.Min(2 * most, CallRoom.MostCalls) : took > RemoteCalls.HoldTime / 2 ? Math.Max(most / 2, FewestAtOnce) : most;
        }
        while (!batch.IsComplete && held.Elapsed + (2 * took) < RemoteCalls.HoldTime);
        return (Done.It, held.Release());
    }

    /// <summary>From a stop to a stop. Null where it can go on from there; otherwise why not. End: how the thread was let go, if it was.</summary>
    private Refusal? MakeSome(HeldThread held, CallBatch batch, out bool isInside, out LetGo? end)
    {
        (isInside, end) = (false, LetGo.Ended);
        // From here to the entry it is where it was taken: should we die meanwhile, it does not go on in code that is half written.
        if (Ptrace.SetRegisters(held.Id, held.Resumed) < 0) return Reasons.ThreadLost.With($"thread {held.Id}");
        var count = room.Prepare(batch, most, held.Alone);
        if (!room.IsThere())
        {
            end = null;
            return Reasons.NoRoomForStub.With($"what was mapped at {room.Range} is not there any more");
        }
        if (Ptrace.SetRegisters(held.Id, room.Entry(held.Stopped)) < 0 || Ptrace.Continue(held.Id) < 0) return Reasons.ThreadLost.With($"thread {held.Id}");
        var report = Await(held, count);
        held.IsGone = report.Kind == StopKind.Gone;
        if (report.HasEnded) return Reasons.ThreadLost.With($"thread {held.Id}");
        if (report.Kind == StopKind.TimedOut)
        {
            // It will run all of it whenever it wakes.
            (isInside, end) = (true, LetGo.Late);
            held.Inside = room.Range;
            room.NoteAnswers(batch, count);
            return Reasons.NoThreadToBorrow.With($"thread {held.Id} did not come back from the calls");
        }
        if (Ptrace.GetRegisters(held.Id, out var now) < 0) return Reasons.ThreadLost.With($"thread {held.Id}");
        var isOut = !room.Range.Contains(new Address(now.Rip));
        room.Note(batch, count, now);
        if (isOut)
        {
            // We came too late: it has gone on where it was, and is stopped there.
            Late++;
            end = held.LetGoOn(report);
            return null;
        }
        if (report.IsInterrupt)
        {
            end = null;
            return null;
        }
        // Somebody has unmapped the room after we looked.
        var isFault = held.IsFaultOfOurs(report, room.Range);
        end = held.Release(report.IsSignalDelivery && !isFault ? report.Code : 0);
        if (isFault) return Reasons.NoRoomForStub.With($"what was mapped at {room.Range} is not there any more");
        return report.IsGroupStop ? Reasons.ProcessIsStopped.With($"thread {held.Id}") : Reasons.NoThreadToBorrow.With($"thread {held.Id} was sent a signal");
    }

    private StopReport Await(HeldThread held, int count)
    {
        while (room.Made(count) < count && held.Elapsed < RemoteCalls.HoldTime)
        {
            if (TracerThread.Poll(held.Id) is { } early) return early;
            SystemCall.Sleep(LookEvery);
        }
        Ptrace.Interrupt(held.Id);
        return TracerThread.Wait(held.Id, RemoteCalls.CallTime);
    }
}
