namespace KernOpt.Live.Points.Rungs;

/// <summary>
/// The point's own instruction is a direct jump or call that crosses a cache line: its bytes behind the line are stored. Where only the opcode is before it, that leads to
/// the code itself, and costs no more than where there is no line.
/// <code>
///     call f        call stone      stone: jmp [word]  ──►  code: …
///                                                                 jmp f
/// </code>
/// </summary>
internal sealed class SplitBranchRung : IRung
{
    public Placement? Place(PlacementContext context, Point point)
    {
        if (!context.IsFree(point) || context.SplitBranchAt(point) is not { } branch) return null;
        var isCall = point.Instruction.IsCallNear;
        var placement = new Placement(isCall ? Rung.Call : Rung.Jump, context.Graph, point.Block, point.Index, [point.Index]) { Kept = branch.Kept };
        if (branch.Step == 1) return placement;
        return context.StoneFor(branch) is { } stone ? placement with { Rung = isCall ? Rung.PunnedCall : Rung.PunnedJump, Stone = stone } : null;
    }
}
