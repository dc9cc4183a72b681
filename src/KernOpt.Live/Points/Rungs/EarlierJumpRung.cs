namespace KernOpt.Live.Points.Rungs;

/// <summary>
/// An instruction before the point, in the same straight run, becomes a jump; what lies between is executed in the region, and the code after it.
/// <code>
///     mov edi, 0x1000            jmp code  ──►  code: mov edi, 0x1000
///     mov esi, ebx               mov esi, ebx         mov esi, ebx
///     ret          ◄ point       ret                  …
///                                                     jmp to the ret
/// </code>
/// The instruction is the nearest that fits. A thread that is between the two when the store is made misses the code once.
/// </summary>
internal sealed class EarlierJumpRung : IRung
{
    public Placement? Place(PlacementContext context, Point point)
    {
        var run = context.RunOf(point);
        for (var lead = point.Index - 1; lead >= run.First; lead--)
        {
            var at = new Point(point.Block, lead);
            if (!context.IsFree(at)) return null;
            if (context.CanStore(at, PlacementContext.JumpBytes)) return new Placement(Rung.EarlierJump, context.Graph, point.Block, lead, [point.Index]);
        }
        return null;
    }
}
