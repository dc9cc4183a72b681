namespace KernOpt.Live.Points.Rungs;

/// <summary>
/// The point's own instruction is shorter than a jump and ends its block, and padding lies behind it: that becomes the end of the jump's displacement first, which nobody executes, and then the
/// instruction the jump's beginning.
/// <code>
///     ret      ◄ point           jmp code  ──►  code: …
///     nop word [rax+rax]         (its end)            ret
/// </code>
/// </summary>
internal sealed class PaddedJumpRung : IRung
{
    public Placement? Place(PlacementContext context, Point point)
    {
        var (instruction, missing) = (point.Instruction, PlacementContext.JumpBytes - point.Instruction.Length);
        if (missing <= 0 || point.Index + 1 < point.Block.Instructions.Length || !StraightRun.CanMove(instruction)) return null;
        return context.IsFree(point) && context.CanStore(point, instruction.Length) && context.HasPaddingBehind(point, missing)
            ? new Placement(Rung.Jump, context.Graph, point.Block, point.Index, [point.Index]) { Padded = missing } : null;
    }
}
