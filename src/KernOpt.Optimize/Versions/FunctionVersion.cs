using System.Collections.Immutable;
using KernOpt.Code.Bodies;
using KernOpt.Optimize.Passes;

namespace KernOpt.Optimize.Versions;

/// <summary>A version of a function, ready to be laid out, with what was done to it.</summary>
public sealed record FunctionVersion(FunctionBody Body, VersionStatistics Statistics, ImmutableArray<PassReport> Passes);

/// <summary>
/// Before: the copy as it was made, without a guard. After: with it. GuardInstructions are the comparisons and branches that each call runs through. TakenJumps are
/// the executed transfers that did not fall through, before and after an outlining (0 without counts).
/// </summary>
public sealed record VersionStatistics(BodySize Before, BodySize After)
{
    public int GuardInstructions { get; init; }
    public int BranchesDecided { get; init; }
    public int TablesDecided { get; init; }
    public int ConstantsFolded { get; init; }
    public int OperandsSubstituted { get; init; }
    public int OperationsReduced { get; init; }
    public int InstructionsRemoved { get; init; }
    public double TakenJumpsBefore { get; init; }
    public double TakenJumpsAfter { get; init; }
}
