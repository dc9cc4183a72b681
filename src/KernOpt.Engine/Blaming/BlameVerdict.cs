using KernOpt.Measure.Statistics;

namespace KernOpt.Engine.Blaming;

public enum BlameKind
{
    /// <summary>A function's own code, what it calls taken off.</summary>
    OwnTime,
    /// <summary>Work and waiting in the kernel.</summary>
    SystemCall,
    /// <summary>A function that could not be looked into, or something that is no function: what it calls is included.</summary>
    NotLookedInto,
}

/// <summary>Where time ends up, at all places of the tree together; Largest is the one with the most.</summary>
public sealed record BlameCandidate(BlameKind Kind, Callee Callee, RatioOfSums Share, BlameNode Largest, int Places);

/// <summary>Bottleneck: null where nothing is certain to have the threshold's share; Largest has the most. Why: why the search ended, for people.</summary>
public sealed record BlameVerdict(BlameCandidate? Bottleneck, BlameCandidate? Largest, string Why);

/// <summary>A search that has ended.</summary>
public sealed record BlameTree(BlameNode Root, BlameVerdict Verdict, int Steps);
