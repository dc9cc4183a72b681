using Iced.Intel;

namespace KernOpt.Live.Points.Rungs;

/// <summary>
/// An instruction after the point, where between the two only is pushed: whatever the code looks at is still as it was at the point, but for the stack pointer, of which it is told how far it has come.
/// <code>
///     push rbp     ◄ point       push rbp
///     mov rbp, rsp               jmp …          ──►  code: …             ; 8 bytes have been pushed
///     …                          …                         mov rbp, rsp
///                                                          jmp back
/// </code>
/// Where a push faults (the stack is full), the code has not run.
/// </summary>
internal sealed class LaterPushRung(params IRung[] there) : IRung
{
    public Placement? Place(PlacementContext context, Point point)
    {
        var last = context.RunOf(point).Last;
        for (var at = point; at.Index < last && IsPush(at.Instruction) && context.IsFree(at);)
        {
            at = at with { Index = at.Index + 1 };
            foreach (var rung in there)
            {
                if (rung.Place(context, at) is { } placement && placement.Lead == at.Index) return placement with { Rung = Later(placement.Rung), Asked = [point.Index] };
            }
        }
        return null;
    }

    /// <summary>Changes the stack pointer, and the memory below it, which is nobody's.</summary>
    public static bool IsPush(in Instruction instruction) => instruction.Mnemonic == Mnemonic.Push && instruction.Op0Kind != OpKind.Memory;

    private static Rung Later(Rung rung) => rung switch
    {
        Rung.Jump => Rung.LaterJump,
        Rung.Call => Rung.LaterCall,
        _ => rung,
    };
}
