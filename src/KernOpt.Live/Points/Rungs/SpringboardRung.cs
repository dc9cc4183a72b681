namespace KernOpt.Live.Points.Rungs;

/// <summary>
/// The point's own instruction, or one before it in the same straight run, becomes a short jump to padding, which holds the long one.
/// <code>
///     mov eax, edi        jmp pad            pad: jmp code  ──►  code: …
///     …                   …                                            mov eax, edi
///     (padding)                                                        jmp back
/// </code>
/// </summary>
internal sealed class SpringboardRung : IRung
{
    public Placement? Place(PlacementContext context, Point point)
    {
        var run = context.RunOf(point);
        for (var lead = point.Index; lead >= run.First; lead--)
        {
            var at = new Point(point.Block, lead);
            if (!context.IsFree(at)) return null;
            if (!StraightRun.CanMove(at.Instruction) || !context.CanStore(at, PlacementContext.ShortJumpBytes)) continue;
            if (context.SpringboardFor(at) is { } springboard) return new Placement(Rung.Springboard, context.Graph, point.Block, lead, [point.Index], springboard);
        }
        return null;
    }
}
