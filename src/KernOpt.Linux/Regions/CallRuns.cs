using KernOpt.Linux.Native;
using KernOpt.Linux.Threads;
using KernOpt.Target;

namespace KernOpt.Linux.Regions;

/// <summary>
/// Few calls are made one by one, many in a row: for those a <see cref="CallRoom"/> is mapped once and kept until <see cref="Close"/>. A thread's way into a call and out of it takes
/// 20 to 60 us with the tracer, mmap itself one or two. For whoever holds the lock for changes.
/// </summary>
internal sealed class CallRuns(RemoteCalls calls, RegionMapper mapper)
{
    /// <summary>The room itself takes five calls.</summary>
    private const int FewestForRoom = 16;

    /// <summary>MADV_DONTFORK: a child has no thread in it.</summary>
    private const ulong NotInherited = 10;

    private CallsInARow? way;

    /// <summary>Where it cannot be mapped once, it is not tried again.</summary>
    private bool isGivenUp;

    /// <summary>As <see cref="RemoteCalls.CallAll(IReadOnlyList{RemoteArguments}, int?)"/>, for calls that no signal interrupts.</summary>
    public IReadOnlyList<Outcome<ulong>> CallAll(IReadOnlyList<RemoteArguments> all, int? only = null)
    {
        if (all.Count < FewestForRoom || Way() is not { } here) return calls.CallAll(all, only);
        var results = calls.CallAll(all, here, only);
        if (!here.Room.IsEntered) return results;
        // It stays in the target until it is found by Leftovers.
        here.Room.Dispose();
        (way, isGivenUp) = (null, true);
        return results;
    }

    /// <summary>Unmaps the room, if there is one in which nobody can be. Where that cannot be done now it can be tried again.</summary>
    public void Close()
    {
        if (way?.Room is not { } here || !calls.Call(new(CallNumber.munmap, here.Range.Start.Value, here.Range.Length)).IsDone) return;
        here.Dispose();
        way = null;
    }

    private CallsInARow? Way()
    {
        if (way is not null || isGivenUp) return way;
        if (!CallRoom.Map(mapper).Try(out var mapped, out _))
        {
            isGivenUp = true;
            return null;
        }
        calls.Call(new(CallNumber.madvise, mapped.Range.Start.Value, mapped.Range.Length, NotInherited));
        return way = new CallsInARow(mapped);
    }

}
