using Iced.Intel;
using KernOpt.Live.Stubs;

namespace KernOpt.Live.Points;

/// <summary>
/// Counts passages, exactly with any number of threads.
/// <code>
///     lock inc qword [word]          ; between pushfq and popfq, below the red zone, where a flag is live
/// </code>
/// </summary>
public sealed class CountProgram : IPointProgram
{
    public int Words => 1;
    public int MostBytes => 32;
    public bool IsPlaceFree => true;

    public void Emit(Assembler code, in PointContext context) => code.Count(context.Word(0), context.FlagsDead);
}
