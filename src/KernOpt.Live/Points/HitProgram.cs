using Iced.Intel;
using KernOpt.Live.Stubs;

namespace KernOpt.Live.Points;

/// <summary>
/// Notes that the place has been passed, no matter how often: one store that looks at nothing, so that nothing is saved.
/// <code>
///     mov qword [word], 1
/// </code>
/// </summary>
public sealed class HitProgram : IPointProgram
{
    public int Words => 1;
    public int MostBytes => 16;
    public bool IsPlaceFree => true;

    public void Emit(Assembler code, in PointContext context) => code.AddInstruction(Instruction.Create(Iced.Intel.Code.Mov_rm64_imm32, StubAssembler.At(context.Word(0)), 1));
}
