using KernOpt.Measure.Statistics;

namespace KernOpt.Measure.Comparing;

/// <summary>What is compared between the arms.</summary>
public enum Metric
{
    /// <summary>CPU time in the function's own code divided by its calls.</summary>
    CostPerCall,
    /// <summary>The user's number, where less is better (latency).</summary>
    LowerObjective,
    /// <summary>The user's number, where more is better (throughput); its inverse is compared, so that an effect below 1 is good.</summary>
    HigherObjective,
}

/// <summary>How a comparison is run and decided. Fixed before its first window.</summary>
public sealed record AbSettings
{
    /// <summary>1 − the chance of "faster" or "slower" when the arms are alike; 0.5..0.9999.</summary>
    public double Confidence { get; init; } = 0.95;

    /// <summary>The smallest change of the cost that is worth keeping, 0.0001..0.9: 0.02 is 2 %.</summary>
    public double SmallestEffect { get; init; } = 0.02;

    /// <summary>The planned number of blocks (two windows each) at which the experiment ends, at least <see cref="MinimumBlocks"/>.</summary>
    public int Blocks { get; init; } = 40;

    /// <summary>Nothing is decided on fewer, at least 6: with 5 the signed-rank test cannot reach 5 %.</summary>
    public int MinimumBlocks { get; init; } = 8;

    /// <summary>How often it may be looked at, evenly spaced, the last at <see cref="Blocks"/>; 1 is the fixed horizon.</summary>
    public int Looks { get; init; } = 1;

    public Spending Spending { get; init; } = Spending.OBrienFleming;

    public Metric Metric { get; init; } = Metric.CostPerCall;

    /// <summary>What a call pays for being led through the switch, in both arms: see adr/0005. A version has to save more than this to be faster.</summary>
    public double DetourNanoseconds { get; init; } = 1.5;

    public WindowRules Rules { get; init; } = new();

    public double Alpha => 1 - Confidence;
}
