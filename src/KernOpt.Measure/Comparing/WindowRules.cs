namespace KernOpt.Measure.Comparing;

/// <summary>
/// Which blocks are left out of a comparison. The rules are fixed before the first window, and none of them sees which arm a window
/// belongs to: they look at sums over the block, or at disturbances from outside.
/// </summary>
public sealed record WindowRules
{
    /// <summary>Calls in each window of the block: fewer say nothing about the cost of a call.</summary>
    public long MinimumCalls { get; init; } = 100;

    /// <summary>Samples in the two windows together. (In each alone would throw out the blocks in which the version is fast.)</summary>
    public long MinimumSamples { get; init; } = 20;

    /// <summary>The longer window may be this many times the shorter one.</summary>
    public double MaximumLengthRatio { get; init; } = 1.5;

    /// <summary>For people: the rule that leaves this block out, or null where it counts.</summary>
    public string? WhyExcluded(AbBlock block)
    {
        if (!block.IsPair) return "not one window of each arm";
        var (first, second) = (block.First, block.Second);
        if (first.WasDisturbed || second.WasDisturbed) return "disturbed: samples were lost";
        if (Math.Min(first.Calls, second.Calls) < MinimumCalls) return $"fewer than {MinimumCalls} calls in a window";
        if (first.Samples is { } a && second.Samples is { } b && a + b < MinimumSamples) return $"fewer than {MinimumSamples} samples in the block";
        var (shorter, longer) = first.Length < second.Length ? (first.Length, second.Length) : (second.Length, first.Length);
        if (longer > shorter * MaximumLengthRatio) return "windows of unequal length";
        return null;
    }
}
