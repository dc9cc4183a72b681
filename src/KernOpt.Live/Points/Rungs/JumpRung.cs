namespace KernOpt.Live.Points.Rungs;

/// <summary>
/// The point's own instruction, of five bytes or more, becomes a jump.
/// <code>
///     mov ebx, [rsp+0x28]        jmp code  ──►  code: …
///     add eax, ebx               add eax, ebx         mov ebx, [rsp+0x28]
///                                                     jmp back
/// </code>
/// </summary>
internal sealed class JumpRung : IRung
{
    public Placement? Place(PlacementContext context, Point point) =>
        StraightRun.CanMove(point.Instruction) && context.CanStore(point, PlacementContext.JumpBytes) && context.IsFree(point)
            ? new Placement(Rung.Jump, context.Graph, point.Block, point.Index, [point.Index]) : null;
}
