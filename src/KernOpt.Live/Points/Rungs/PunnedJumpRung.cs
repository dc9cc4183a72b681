namespace KernOpt.Live.Points.Rungs;

/// <summary>
/// The first bytes of the point's own instruction, or of one before it in the same straight run, become a jump that the bytes behind them complete.
/// <code>
///     push rbx       ◄ point         jmp …          stone: jmp [word]  ──►  code: …
///     mov rbx, rdi                   (the same)                                   push rbx
///     call f                         (the same)                                   jmp back
/// </code>
/// Those bytes may be nobody else's as long as it is in. Within the run that costs nothing, since all of its later points are served by the same jump; beyond it other points lose
/// their place.
/// </summary>
internal sealed class PunnedJumpRung(bool staysInRun) : IRung
{
    public Placement? Place(PlacementContext context, Point point)
    {
        var run = context.RunOf(point);
        var end = staysInRun ? point.Block.Instructions[run.Last].NextIP : ulong.MaxValue;
        for (var lead = point.Index; lead >= run.First; lead--)
        {
            var at = new Point(point.Block, lead);
            if (!context.IsFree(at)) return null;
            if (!StraightRun.CanMove(at.Instruction)) continue;
            foreach (var jump in context.PunnedJumpsAt(at))
            {
                if (jump.Extent.End.Value > end || !context.CanComplete(at, jump) || context.StoneFor(jump) is not { } stone) continue;
                return new Placement(Rung.PunnedJump, context.Graph, point.Block, lead, [point.Index]) { Punned = jump, Stone = stone };
            }
        }
        return null;
    }
}
