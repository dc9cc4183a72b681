using KernOpt.Measure.Comparing;
using KernOpt.Measure.Statistics;

namespace KernOpt.Engine.Policies;

/// <summary>What KernOpt may do to which target, and how sure it has to be. Every value is within the range that <see cref="PolicyKeys"/> states.</summary>
public sealed record Policy
{
    /// <summary>The policy as it is when a file says nothing.</summary>
    public static readonly Policy Default = new();

    /// <summary>The file's name without its extension; "default" for the built-in one.</summary>
    public string Name { get; init; } = "default";

    public PolicyMode Mode { get; init; } = PolicyMode.Act;

    /// <summary>Of process names (the base name of the program file).</summary>
    public GlobFilter Targets { get; init; } = GlobFilter.Everything;

    public FunctionFilter Functions { get; init; } = new();
    public Thresholds Thresholds { get; init; } = new();
    public Techniques Techniques { get; init; } = new();
    public Budgets Budgets { get; init; } = new();
    public SamplingPlan Sampling { get; init; } = new();
    public ComparisonPlan Comparison { get; init; } = new();
    public ObjectivePlan Objective { get; init; } = new();
    public CoolDowns CoolDown { get; init; } = new();
    public RegressionPlan Regression { get; init; } = new();
    public ValidationPlan Validation { get; init; } = new();
}

public enum PolicyMode
{
    /// <summary>Versions are made, compared, kept or rolled back.</summary>
    Act,
    /// <summary>Profiles only: no code of the target is changed, not even for value profiles.</summary>
    MeasureOnly,
    /// <summary>Everything up to validation; nothing is installed.</summary>
    DryRun,
}

/// <summary>Functions by name, and by the module that they are in.</summary>
public sealed record FunctionFilter
{
    public GlobFilter Names { get; init; } = GlobFilter.Everything;
    public GlobFilter Modules { get; init; } = GlobFilter.Everything;

    /// <summary>Whether a function with any of these names (symbols, "module+0xRVA") in this module may be touched. A denied name denies the function.</summary>
    public bool Allows(string module, params IEnumerable<string> names)
    {
        var all = names.ToArray();
        return Modules.Allows(module) && all.Any(Names.Allows) && !all.Any(Names.Denies);
    }
}

/// <summary>What a function and a value must show before anything is tried on it.</summary>
public sealed record Thresholds
{
    /// <summary>Of the target's CPU time, 0..1; the lower end of the share's interval must reach it.</summary>
    public double MinimumShare { get; init; } = 0.03;
    public double MinimumCallsPerSecond { get; init; } = 1_000;
    /// <summary>0..1; the lower confidence bound of the top value's share must reach it.</summary>
    public double Constancy { get; init; } = 0.90;
    /// <summary>Samples in a function, and values of an argument.</summary>
    public long MinimumSamples { get; init; } = 100;
}

public sealed record Techniques
{
    public bool Specialize { get; init; } = true;
    public bool Outline { get; init; } = true;
    /// <summary>The identity version: the same code moved. It gains nothing; it shows that moving is harmless.</summary>
    public bool Relocate { get; init; }
    /// <summary>Call sites that provably pass the constant go to the version without a guard.</summary>
    public bool CallSites { get; init; } = true;
    public int MaximumArguments { get; init; } = 3;
}

public sealed record Budgets
{
    /// <summary>CPU time of profiling divided by the target's own, 0..1.</summary>
    public double ProfilingCost { get; init; } = 0.02;
    /// <summary>Bytes of generated code in the target, over all versions.</summary>
    public long CodeSize { get; init; } = 256 * 1024;
    /// <summary>Of one tuning run; a shorter --for on the command line wins.</summary>
    public TimeSpan TotalTime { get; init; } = TimeSpan.FromMinutes(10);
}

public sealed record SamplingPlan
{
    /// <summary>Hertz per running thread.</summary>
    public int Frequency { get; init; } = 997;
    /// <summary>One call in so many has its arguments recorded.</summary>
    public int ValuesOneIn { get; init; } = 64;
    /// <summary>How long one profile is gathered before it is judged.</summary>
    public TimeSpan ProfileTime { get; init; } = TimeSpan.FromSeconds(5);
}

public sealed record ComparisonPlan
{
    public TimeSpan Window { get; init; } = TimeSpan.FromMilliseconds(200);
    public double Confidence { get; init; } = 0.95;
    public double SmallestEffect { get; init; } = 0.02;
    public TimeSpan MaximumDuration { get; init; } = TimeSpan.FromSeconds(20);
    public int MinimumBlocks { get; init; } = 10;
    public int Looks { get; init; } = 4;
    public Spending Spending { get; init; } = Spending.OBrienFleming;

    /// <summary>What a window takes beside its own length: settling after the throw of the switch (2 ms), taking the samples, waking up.</summary>
    public static TimeSpan Overhead => TimeSpan.FromMilliseconds(5);

    /// <summary>The fewest blocks on which anything is decided, without the reading of an objective of the user's own.</summary>
    public TimeSpan MinimumDuration => 2 * MinimumBlocks * (Window + Overhead);

    /// <summary>The blocks (two windows each) that fit into the longest duration.</summary>
    public int Blocks => Math.Max(MinimumBlocks, (int)Math.Min(100_000, MaximumDuration / (2 * (Window + Overhead))));

    public AbSettings ToSettings(Metric metric) => new()
    {
        Confidence = Confidence,
        SmallestEffect = SmallestEffect,
        Blocks = Blocks,
        MinimumBlocks = MinimumBlocks,
        Looks = Looks,
        Spending = Spending,
        Metric = metric,
    };
}

public enum ObjectiveKind
{
    /// <summary>CPU time in the function's own code per call, from the sampler: cycles where the machine counts them, the clock where not.</summary>
    CyclesPerCall,
    Command,
    Http,
}

public enum ObjectiveDirection
{
    Lower,
    Higher,
}

public sealed record ObjectivePlan
{
    public ObjectiveKind Kind { get; init; } = ObjectiveKind.CyclesPerCall;
    /// <summary>The program and its arguments; no shell is between.</summary>
    public IReadOnlyList<string> Command { get; init; } = [];
    public string Url { get; init; } = "";
    /// <summary>A regular expression whose first group is the number; empty: the first number of the text.</summary>
    public string Pattern { get; init; } = "";
    /// <summary>A Prometheus sample, with or without labels: http_requests_total{code="200"}.</summary>
    public string Metric { get; init; } = "";
    public ObjectiveDirection Direction { get; init; } = ObjectiveDirection.Lower;
    /// <summary>The number only grows, and its growth per second is what counts.</summary>
    public bool IsCounter { get; init; }
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(2);

    public Metric ToMetric() => Kind == ObjectiveKind.CyclesPerCall ? Measure.Comparing.Metric.CostPerCall
        : Direction == ObjectiveDirection.Lower ? Measure.Comparing.Metric.LowerObjective : Measure.Comparing.Metric.HigherObjective;
}

/// <summary>How long a version of a function is not tried again, unless the profile has changed.</summary>
public sealed record CoolDowns
{
    public TimeSpan AfterLoss { get; init; } = TimeSpan.FromMinutes(30);
    public TimeSpan AfterRollback { get; init; } = TimeSpan.FromMinutes(30);
}

public enum RegressionAction
{
    Rollback,
    /// <summary>It is journaled and shown; the version stays.</summary>
    Report,
}

public sealed record RegressionPlan
{
    /// <summary>How often a kept version is judged.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(2);
    /// <summary>0..1: rolled back when the guard's true hit rate is surely below.</summary>
    public double GuardHitRate { get; init; } = 0.80;
    public RegressionAction Action { get; init; } = RegressionAction.Rollback;
}

public sealed record ValidationPlan
{
    /// <summary>Runs of original and version on values seen and on random ones.</summary>
    public int Runs { get; init; } = 1_000;
    /// <summary>Runs that must have ended and agreed; fewer refuse the version.</summary>
    public int Minimum { get; init; } = 20;
}
