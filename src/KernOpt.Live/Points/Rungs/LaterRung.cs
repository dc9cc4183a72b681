namespace KernOpt.Live.Points.Rungs;

/// <summary>
/// For code that may run anywhere in the point's straight run: the next instruction that can become a jump, or the direct call at the end of the run.
/// <code>
///     push r15     ◄ point       push r15
///     push r14                   push r14
///     mov edi, 0x1000            jmp code  ──►  code: …
///     …                          …                    mov edi, 0x1000
///                                                     jmp back
/// </code>
/// Where an instruction in between faults, the code has not run.
/// </summary>
internal sealed class LaterRung : IRung
{
    private static readonly JumpRung Jump = new();
    private static readonly CallRung Call = new();

    public Placement? Place(PlacementContext context, Point point)
    {
        var run = context.RunOf(point);
        for (var index = point.Index + 1; index <= run.Last; index++)
        {
            var at = point with { Index = index };
            if (!context.IsFree(at)) return null;
            if (Jump.Place(context, at) is { } jump) return jump with { Rung = Rung.LaterJump, Asked = [point.Index] };
            if (Call.Place(context, at) is { } call) return call with { Rung = Rung.LaterCall, Asked = [point.Index] };
        }
        return null;
    }
}
