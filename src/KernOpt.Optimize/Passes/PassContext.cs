using KernOpt.Code.Bodies;
using KernOpt.Code.Images;
using KernOpt.Optimize.Facts;
using KernOpt.Target;

namespace KernOpt.Optimize.Passes;

/// <summary>What passes may ask: the program's constant data, what is assumed at entries, and the analyses of the body as it is now.</summary>
internal sealed class PassContext(ICodeSource? source, Assumptions assumptions)
{
    private readonly List<PassSkip> skips = [];

    public ICodeSource? Source { get; } = source;
    public Assumptions Assumptions { get; } = assumptions;

    /// <summary>
    /// What the original function writes. A version writes nothing else: callers compiled with gcc's -fipa-ra keep values in registers that the callee
    /// leaves alone, also those that the psABI gives away.
    /// </summary>
    public LiveSet WrittenByOriginal { get; init; } = LiveSet.Empty;

    /// <summary>Known values, with tables at their original addresses: right for deciding which way control goes.</summary>
    public FactsFlow Decisions(FunctionBody body) => FactsFlow.Solve(body, Source, Assumptions);

    /// <summary>Known values that hold in the copy: right for replacing them in instructions.</summary>
    public FactsFlow Values(FunctionBody body) =>
        FactsFlow.Solve(body, Source, Assumptions.WithMovedTables());

    public void Skip(Reason reason, ulong at) => skips.Add(new PassSkip(reason, new Address(at)));

    public IReadOnlyList<PassSkip> TakeSkips()
    {
        PassSkip[] taken = [.. skips];
        skips.Clear();
        return taken;
    }
}
