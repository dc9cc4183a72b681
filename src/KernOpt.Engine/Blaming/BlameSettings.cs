namespace KernOpt.Engine.Blaming;

/// <summary>
/// How a search goes. Threshold: share of the root's time, 0 to 1, below which nothing is looked into or named. Step: how long each function is measured. Longest: nothing new is begun after that.
/// Depth: calls below the root.
/// </summary>
public sealed record BlameSettings(double Threshold, TimeSpan Step, TimeSpan Longest, int Depth)
{
    /// <summary>Two-sided: a share is named where its 95 % interval is above the threshold.</summary>
    public const double Alpha = 0.05;
}
