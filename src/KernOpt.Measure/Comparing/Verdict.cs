using KernOpt.Measure.Statistics;

namespace KernOpt.Measure.Comparing;

public enum VerdictKind
{
    Faster,
    Slower,
    NoDifference,
    Inconclusive,
}

/// <summary>The cross-check that does not lean on the mean: Wilcoxon's p, the Hodges–Lehmann ratio, its interval.</summary>
public sealed record RobustCheck(double PValue, double Effect, Interval Interval);

/// <summary>How much was looked at, and when.</summary>
/// <param name="BlocksPlanned">The horizon.</param>
/// <param name="NominalAlpha">The two-sided level of this look; the interval has level 1 − this.</param>
public sealed record VerdictBasis(int BlocksUsed, int BlocksExcluded, int BlocksPlanned, int Look, int Looks, double NominalAlpha)
{
    /// <summary>Rules that left blocks out, with how many each.</summary>
    public IReadOnlyDictionary<string, int> Exclusions { get; init; } = new Dictionary<string, int>();
}

/// <summary>The answer of a comparison, with all that it rests on.</summary>
/// <param name="Effect">Version's cost divided by the original's (geometric mean over blocks): 0.8 is a fifth cheaper. NaN without any block.</param>
/// <param name="Interval">Of the effect. With several looks it is the repeated interval, valid at whichever look the experiment stopped.</param>
/// <param name="PValue">Two-sided, of this look.</param>
/// <param name="Why">One sentence for people: what decided it.</param>
public sealed record Verdict(VerdictKind Kind, double Effect, Interval Interval, double PValue, RobustCheck Robust, VerdictBasis Basis, string Why)
{
    /// <summary>The test and its parameters.</summary>
    public required string Test { get; init; }

    public string Assumptions { get; init; } = AbTest.Assumptions;

    /// <summary>About how many blocks in all would have decided it; 0 where it is decided or cannot be told.</summary>
    public int BlocksNeeded { get; init; }

    public string KindText => Kind == VerdictKind.NoDifference ? "no difference" : Kind.ToString().ToLowerInvariant();

    public override string ToString()
        => $"{KindText}: {Effect:0.000} × the original's cost, {1 - Basis.NominalAlpha:P1} interval {Interval}, p = {PValue:0.####}, {Basis.BlocksUsed} blocks";
}
