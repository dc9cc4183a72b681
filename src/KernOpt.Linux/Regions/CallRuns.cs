using KernOpt.Linux.Memory;
using KernOpt.Linux.Native;
using KernOpt.Linux.Threads;
using KernOpt.Target;

namespace KernOpt.Linux.Regions;

/// <summary>
/// Few calls are made one by one, many in a row: for those a <see cref="CallRoom"/> is mapped once and kept until <see cref="Close"/>, before the lock for changes is given back. A thread's way
/// into a call and out of it takes 20 to 60 us with the tracer, mmap itself one or two.
/// </summary>
internal sealed class CallRuns(RemoteCalls calls, RegionMapper mapper, TargetMemory memory, Func<TargetMap> readMap)
{
    /// <summary>The room itself takes five calls.</summary>
    private const int FewestForRoom = 16;

    /// <summary>MADV_DONTFORK: a child has no thread in it.</summary>
    private const ulong NotInherited = 10;

    private CallsInARow? way;

    /// <summary>No other one is mapped.</summary>
    private bool isRefused;

    /// <summary>As <see cref="RemoteCalls.CallAll(IReadOnlyList{RemoteArguments}, int?)"/>, for calls that no signal interrupts.</summary>
    public IReadOnlyList<Outcome<ulong>> CallAll(IReadOnlyList<RemoteArguments> all, int? only = null)
    {
        if (all.Count < FewestForRoom || Way() is not { } here) return calls.CallAll(all, only);
        var results = calls.CallAll(all, here, only);
        if (here.Room.IsEntered)
        {
            // It stays in the target until Leftovers find nobody in it.
            (IsLeft, isRefused) = (true, true);
            Forget();
        }
        else if (results.Any(IsGone))
        {
            // A part of it may be there.
            IsLeft = true;
            Forget();
            if (results.All(IsGone)) return calls.CallAll(all, only);
        }
        return results;

        static bool IsGone(Outcome<ulong> result) => !result.IsDone && result.Refusal.Reason == Reasons.NoRoomForStub;
    }

    /// <summary>A room of ours, or a part of one, may be left in the target.</summary>
    public bool IsLeft { get; private set; }

    /// <summary>Unmaps the room, if there is one. Where that cannot be done now it can be tried again.</summary>
    public void Close()
    {
        if (way?.Room is not { } here) return;
        var map = readMap();
        if (map.Mappings.Count == 0) return;
        var isThere = here.IsIn(map);
        if (isThere && !calls.Call(new(CallNumber.munmap, here.Range.Start.Value, here.Range.Length)).IsDone) return;
        IsLeft |= !isThere;
        Forget();
    }

    private void Forget()
    {
        way?.Room.Dispose();
        way = null;
    }

    private CallsInARow? Way()
    {
        if (way is not null || isRefused) return way;
        if (!CallRoom.Map(mapper, memory).Try(out var mapped, out _))
        {
            isRefused = true;
            return null;
        }
        calls.Call(new(CallNumber.madvise, mapped.Range.Start.Value, mapped.Range.Length, NotInherited));
        return way = new CallsInARow(mapped);
    }
}
