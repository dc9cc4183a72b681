using System.Collections.Immutable;
using KernOpt.Target;

namespace KernOpt.Validate;

/// <summary>How pairs of runs ended. Returned, Faulted, LeftForGood and EventLimit were compared; the others were not.</summary>
public sealed record RunCounts
{
    public int Compared => Returned + Faulted + LeftForGood + EventLimit;
    public int Returned { get; init; }
    /// <summary>Of the returned ones, those whose arguments satisfied the bindings.</summary>
    public int ReturnedBound { get; init; }
    /// <summary>Both faulted at the same address with the same memory.</summary>
    public int Faulted { get; init; }
    /// <summary>Both called something that does not come back.</summary>
    public int LeftForGood { get; init; }
    public int EventLimit { get; init; }
    public int TimedOut { get; init; }
    /// <summary>The run touched more memory than is held for one.</summary>
    public int TooMuchMemory { get; init; }
    public int Total => Compared + TimedOut + TooMuchMemory;
}

/// <summary>Instructions executed at least once over all runs, of those that there are; the ones never reached are listed.</summary>
public sealed record Coverage(int OriginalReached, int OriginalTotal, int VersionReached, int VersionTotal, ImmutableArray<Address> VersionNotReached);

/// <summary>
/// The first difference. What: the register, event or memory that differed, with both values. Input: the arguments and the seed of that run,
/// enough to repeat it.
/// </summary>
public sealed record Mismatch(string What, string Input)
{
    public override string ToString() => $"{What}; with {Input}";
}

/// <summary>What was tried and what came of it. RunsPerSecond counts runs of the original and of the version each.</summary>
public sealed record ValidationReport(RunCounts Runs, Coverage Coverage, Mismatch? Mismatch, TimeSpan Elapsed, double RunsPerSecond, ulong RandomSeed)
{
    public bool IsValid => Mismatch is null;
}
