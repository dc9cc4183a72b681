using System.Runtime;

namespace KernOpt.Linux.Threads;

/// <summary>
/// No garbage collection while a thread is held: it would stop the tracer thread too, for as long as it takes. Not promised where others allocate more
/// than the room that is set aside, or have such a stretch of their own; then a hold may be longer, no more.
/// </summary>
internal readonly struct NoCollection : IDisposable
{
    /// <summary>A hold allocates some kilobytes; the rest of the program goes on meanwhile.</summary>
    private const long Room = 4 << 20;

    private static int open;

    private readonly bool isBegun;

    private NoCollection(bool isBegun) => this.isBegun = isBegun;

    public static NoCollection Begin()
    {
        if (Interlocked.CompareExchange(ref open, 1, 0) != 0) return default;
        try
        {
            if (GC.TryStartNoGCRegion(Room, disallowFullBlockingGC: true)) return new NoCollection(true);
        }
        catch (InvalidOperationException)
        {
            // One is open already that was not begun here.
        }
        open = 0;
        return default;
    }

    public void Dispose()
    {
        if (!isBegun) return;
        if (GCSettings.LatencyMode == GCLatencyMode.NoGCRegion)
        {
            try
            {
                GC.EndNoGCRegion();
            }
            catch (InvalidOperationException)
            {
                // More was allocated than there was room for, and a collection has ended it.
            }
        }
        open = 0;
    }
}
