using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Live.Stubs;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Live.Points;

/// <summary>
/// Counts passages, exactly with any number of threads.
/// <code>
///     lock inc qword [word]          ; where a flag is live, it is kept in a register meanwhile (FlagsInRegister), one that is dead or saved below the red zone
/// </code>
/// </summary>
public sealed class CountProgram : IPointProgram
{
    public int Words => 1;
    public int MostBytes => 32;
    public bool IsPlaceFree => true;

    private static readonly ImmutableArray<Register> MayKeepFlags = [Register.RAX, Register.RCX, Register.RDX, Register.RSI, Register.RDI, Register.R8, Register.R9, Register.R10, Register.R11];

    public void Emit(Assembler code, in PointContext context)
    {
        if (context.FlagsDead || !FlagsInRegister.IsPossible)
        {
            code.Count(context.Word(0), context.FlagsDead);
            return;
        }
        var dead = FlagsInRegister.FirstDead(MayKeepFlags, context.Live);
        if (dead is null)
        {
            code.lea(rsp, __[rsp - StubAssembler.RedZone]);
            code.push(rax);
        }
        FlagsInRegister.Save(code, dead ?? rax);
        code.LockedIncrement(context.Word(0));
        FlagsInRegister.Restore(code, dead ?? rax);
        if (dead is not null) return;
        code.pop(rax);
        code.lea(rsp, __[rsp + StubAssembler.RedZone]);
    }
}
