namespace KernOpt.Measure.Comparing;

public enum Arm
{
    Original,
    Version,
}

/// <summary>
/// What one window of a comparison measured. All figures are differences between its end and its beginning.
/// </summary>
/// <param name="Arm">Which of the two the switch pointed at throughout.</param>
/// <param name="Length">By a monotonic clock.</param>
/// <param name="Calls">Of the function, in all threads.</param>
/// <param name="SelfCpuNanoseconds">CPU time in the function's own code (either arm's), the sum of the samples' weights.</param>
public sealed record AbWindow(Arm Arm, TimeSpan Length, long Calls, long SelfCpuNanoseconds)
{
    /// <summary>Samples that <see cref="SelfCpuNanoseconds"/> is made of; null where it was measured without sampling.</summary>
    public long? Samples { get; init; }

    /// <summary>The user's own number in this window; null where the objective is the cost per call.</summary>
    public double? Objective { get; init; }

    /// <summary>Samples were lost in this window, or it was cut short.</summary>
    public bool WasDisturbed { get; init; }
}

/// <summary>Two windows next to each other, one of each arm, in the order in which they were run.</summary>
public sealed record AbBlock(AbWindow First, AbWindow Second)
{
    public AbWindow Original => First.Arm == Arm.Original ? First : Second;

    public AbWindow Version => First.Arm == Arm.Version ? First : Second;

    /// <summary>Whether it holds one window of each arm.</summary>
    public bool IsPair => First.Arm != Second.Arm;
}
