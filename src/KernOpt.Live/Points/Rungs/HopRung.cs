namespace KernOpt.Live.Points.Rungs;

/// <summary>
/// Like <see cref="SpringboardRung"/>, where the room for the long jump is out of a short one's reach: by way of one or more other short jumps, each in padding of its own.
/// <code>
///     mov eax, edi        jmp hop            hop: jmp pad            pad: jmp code  ──►  code: …
/// </code>
/// </summary>
internal sealed class HopRung(int hops) : IRung
{
    public Placement? Place(PlacementContext context, Point point)
    {
        var run = context.RunOf(point);
        for (var lead = point.Index; lead >= run.First; lead--)
        {
            var at = new Point(point.Block, lead);
            if (!context.IsFree(at)) return null;
            if (!StraightRun.CanMove(at.Instruction) || !context.CanStore(at, PlacementContext.ShortJumpBytes)) continue;
            if (context.HopsFor(at, hops) is { } way) return new Placement(Rung.Springboard, context.Graph, point.Block, lead, [point.Index], way.Springboard) { Hops = way.Hops };
        }
        return null;
    }
}
