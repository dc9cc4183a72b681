using KernOpt.Target;

namespace KernOpt.Measure.Watching;

/// <summary>One short, whole slice of a kept version's calls: how many, the CPU time in its own code, and the samples that this time is made of, 0 or more.</summary>
public readonly record struct WatchSlice(long Calls, double CpuNanoseconds, double Samples);

/// <summary>What one measuring interval of a kept version showed.</summary>
public sealed record WatchInterval
{
    /// <summary>Calls whose guard held in this interval; 0 and 0 where the version has no guard.</summary>
    public long GuardHits { get; init; }
    public long GuardMisses { get; init; }

    /// <summary>All of the same length, sampled at the same frequency, in every interval. Three or more let a clear jump be seen within one interval.</summary>
    public IReadOnlyList<WatchSlice> Slices { get; init; } = [];
}

/// <summary>When a kept version has to go.</summary>
public sealed record WatchSettings
{
    /// <summary>0..1.</summary>
    public double MinimumGuardHitRate { get; init; } = 0.8;

    /// <summary>The version's cost per call, in nanoseconds, in the windows on which it was kept; fewer than 4: what it costs at first is not held against them.</summary>
    public IReadOnlyList<double> KeptCosts { get; init; } = [];

    /// <summary>A rise of the cost by less than this (0..1) is never a reason.</summary>
    public double SmallestEffect { get; init; } = 0.02;

    /// <summary>One false alarm of the cost in so many slices, and of the guard in so many intervals, on average at most; 100..10,000,000.</summary>
    public double SlicesPerFalseAlarm { get; init; } = 20_000;
}

/// <summary>Whether the version stays, and if not, why. Text is for people; the figures are what it rests on.</summary>
public sealed record WatchDecision(bool Stays, Reason? Reason, string Text)
{
    public double? GuardHitRate { get; init; }

    /// <summary>The nearest sum's present height divided by its height of alarm, 0..1 and above.</summary>
    public double? DriftLevel { get; init; }
}
