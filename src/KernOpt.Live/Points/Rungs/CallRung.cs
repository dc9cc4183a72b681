using Iced.Intel;

namespace KernOpt.Live.Points.Rungs;

/// <summary>
/// A direct call stays a call: only where it goes to changes, so that its return address is the original one and it is paired with its return.
/// <code>
///     call f        call code  ──►  code: …
///                                         jmp f
/// </code>
/// The code runs with the return address pushed already.
/// </summary>
internal sealed class CallRung : IRung
{
    public Placement? Place(PlacementContext context, Point point) =>
        point.Instruction.Code == Iced.Intel.Code.Call_rel32_64 && point.Instruction.Length == PlacementContext.JumpBytes
        && context.CanStore(point, PlacementContext.JumpBytes) && context.IsFree(point)
            ? new Placement(Rung.Call, context.Graph, point.Block, point.Index, [point.Index]) : null;
}
