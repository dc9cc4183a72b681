using KernOpt.Measure.Statistics;

namespace KernOpt.Engine.Policies;

/// <summary>One key of a policy: its path ("budgets.codeSize"), what it takes, what it means, and where it goes.</summary>
internal sealed record PolicyKey(string Path, ValueRule Rule, string Meaning, Func<Policy, object, Policy> Apply, Func<Policy, string> Default)
{
    public string[] Steps { get; } = Path.Split('.');
}

/// <summary>All keys, in the order in which they are documented. The reader, schema.json and docs/policies.md come from this list.</summary>
internal static class PolicyKeys
{
    private static readonly ShareRule Share = new("0%", "100%");

    public static IReadOnlyList<PolicyKey> All { get; } =
    [
        new("version", new CountRule(1, 1), "The format of this file. Required.", (p, _) => p, _ => "–"),
        new("mode", new ChoiceRule<PolicyMode>(("act", PolicyMode.Act), ("measure-only", PolicyMode.MeasureOnly), ("dry-run", PolicyMode.DryRun)),
            "act: make, compare, keep or roll back. measure-only: profile, change no code. dry-run: all up to validation, install nothing.",
            (p, v) => p with { Mode = (PolicyMode)v }, _ => "act"),
        .. Filters(), .. Candidates(), .. Limits(), .. Comparing(), .. Objectives(), .. Afterwards(),
    ];

    private static PolicyKey[] Filters() =>
    [
        new("targets.allow", new TextListRule(1, 1_000), "Globs of process names (base name of the program file) that may be tuned.",
            (p, v) => p with { Targets = p.Targets with { Allow = Texts(v) } }, p => List(p.Targets.Allow)),
        new("targets.deny", new TextListRule(0, 1_000), "Globs of process names that may not; wins over allow.",
            (p, v) => p with { Targets = p.Targets with { Deny = Texts(v) } }, p => List(p.Targets.Deny)),
        new("functions.allow", new TextListRule(1, 1_000), "Globs of function names (symbols, or module+0xRVA) that may be changed.",
            (p, v) => WithNames(p, p.Functions.Names with { Allow = Texts(v) }), p => List(p.Functions.Names.Allow)),
        new("functions.deny", new TextListRule(0, 1_000), "Globs of function names that may not; wins over allow.",
            (p, v) => WithNames(p, p.Functions.Names with { Deny = Texts(v) }), p => List(p.Functions.Names.Deny)),
        new("functions.modules.allow", new TextListRule(1, 1_000), "Globs of modules (libc.so.6) whose functions may be changed.",
            (p, v) => WithModules(p, p.Functions.Modules with { Allow = Texts(v) }), p => List(p.Functions.Modules.Allow)),
        new("functions.modules.deny", new TextListRule(0, 1_000), "Globs of modules whose functions may not; wins over allow.",
            (p, v) => WithModules(p, p.Functions.Modules with { Deny = Texts(v) }), p => List(p.Functions.Modules.Deny)),
    ];

    private static PolicyKey[] Candidates() =>
    [
        new("thresholds.minimumShare", Share, "Of the target's CPU time that a function must surely take (lower end of the interval).",
            (p, v) => p with { Thresholds = p.Thresholds with { MinimumShare = (double)v } }, p => Percent(p.Thresholds.MinimumShare)),
        new("thresholds.minimumCallsPerSecond", new CountRule(0, 1_000_000_000), "Calls of the function per second, over all threads.",
            (p, v) => p with { Thresholds = p.Thresholds with { MinimumCallsPerSecond = (long)v } }, p => $"{p.Thresholds.MinimumCallsPerSecond}"),
        new("thresholds.constancy", new ShareRule("50%", "100%"), "Share of calls that an argument's top value must surely cover (lower confidence bound).",
            (p, v) => p with { Thresholds = p.Thresholds with { Constancy = (double)v } }, p => Percent(p.Thresholds.Constancy)),
        new("thresholds.minimumSamples", new CountRule(10, 1_000_000), "Samples in a profile, and recorded values of an argument, before either is judged.",
            (p, v) => p with { Thresholds = p.Thresholds with { MinimumSamples = (long)v } }, p => $"{p.Thresholds.MinimumSamples}"),
        new("techniques.specialize", new FlagRule(), "Bind arguments that are nearly constant, behind a guard.",
            (p, v) => p with { Techniques = p.Techniques with { Specialize = (bool)v } }, p => Flag(p.Techniques.Specialize)),
        new("techniques.outline", new FlagRule(), "Move cold blocks out of the hot path.",
            (p, v) => p with { Techniques = p.Techniques with { Outline = (bool)v } }, p => Flag(p.Techniques.Outline)),
        new("techniques.relocate", new FlagRule(), "Also try the identity version (the same code, moved): it shows that moving is harmless.",
            (p, v) => p with { Techniques = p.Techniques with { Relocate = (bool)v } }, p => Flag(p.Techniques.Relocate)),
        new("techniques.callSites", new FlagRule(), "Lead call sites that provably pass the constant to the version without a guard.",
            (p, v) => p with { Techniques = p.Techniques with { CallSites = (bool)v } }, p => Flag(p.Techniques.CallSites)),
        new("techniques.maximumArguments", new CountRule(1, 6), "Arguments bound in one version.",
            (p, v) => p with { Techniques = p.Techniques with { MaximumArguments = (int)(long)v } }, p => $"{p.Techniques.MaximumArguments}"),
    ];

    private static PolicyKey[] Limits() =>
    [
        new("budgets.profilingCost", new ShareRule("0.01%", "50%"), "CPU time of profiling divided by the target's own; above it the profiler backs off.",
            (p, v) => p with { Budgets = p.Budgets with { ProfilingCost = (double)v } }, p => Percent(p.Budgets.ProfilingCost)),
        new("budgets.codeSize", new SizeRule("4KiB", "64MiB"), "Generated code in the target, over all versions.",
            (p, v) => p with { Budgets = p.Budgets with { CodeSize = (long)v } }, p => $"{p.Budgets.CodeSize / 1024}KiB"),
        new("budgets.totalTime", new DurationRule("1s", "168h"), "Of one tuning run; a shorter --for wins.",
            (p, v) => p with { Budgets = p.Budgets with { TotalTime = (TimeSpan)v } }, p => Time(p.Budgets.TotalTime)),
        new("sampling.frequency", new FrequencyRule("1Hz", "20kHz"), "Samples per second of each running thread.",
            (p, v) => p with { Sampling = p.Sampling with { Frequency = (int)v } }, p => $"{p.Sampling.Frequency}Hz"),
        new("sampling.valuesOneIn", new CountRule(1, 1_000_000), "One call in so many has its arguments recorded.",
            (p, v) => p with { Sampling = p.Sampling with { ValuesOneIn = (int)(long)v } }, p => $"{p.Sampling.ValuesOneIn}"),
        new("sampling.profileTime", new DurationRule("200ms", "1h"), "How long one profile is gathered before it is judged.",
            (p, v) => p with { Sampling = p.Sampling with { ProfileTime = (TimeSpan)v } }, p => Time(p.Sampling.ProfileTime)),
    ];

    private static PolicyKey[] Comparing() =>
    [
        new("comparison.window", new DurationRule("10ms", "5m"), "Length of one window; two make a block.",
            (p, v) => p with { Comparison = p.Comparison with { Window = (TimeSpan)v } }, p => Time(p.Comparison.Window)),
        new("comparison.confidence", new ShareRule("80%", "99.99%"), "100 % less the chance of a verdict of faster or slower when there is no difference.",
            (p, v) => p with { Comparison = p.Comparison with { Confidence = (double)v } }, p => Percent(p.Comparison.Confidence)),
        new("comparison.smallestEffect", new ShareRule("0.1%", "90%"), "The smallest gain that is worth keeping; less is \"no difference\".",
            (p, v) => p with { Comparison = p.Comparison with { SmallestEffect = (double)v } }, p => Percent(p.Comparison.SmallestEffect)),
        new("comparison.maximumDuration", new DurationRule("200ms", "24h"), "The horizon of one comparison.",
            (p, v) => p with { Comparison = p.Comparison with { MaximumDuration = (TimeSpan)v } }, p => Time(p.Comparison.MaximumDuration)),
        new("comparison.minimumBlocks", new CountRule(6, 10_000), "Nothing is decided on fewer usable blocks.",
            (p, v) => p with { Comparison = p.Comparison with { MinimumBlocks = (int)(long)v } }, p => $"{p.Comparison.MinimumBlocks}"),
        new("comparison.looks", new CountRule(1, 20), "How often a clear result may end it early; 1: only at the horizon.",
            (p, v) => p with { Comparison = p.Comparison with { Looks = (int)(long)v } }, p => $"{p.Comparison.Looks}"),
        new("comparison.spending", new ChoiceRule<Spending>(("obrien-fleming", Spending.OBrienFleming), ("pocock", Spending.Pocock)),
            "How the permitted error is spent over the looks: nearly all at the end, or evenly.",
            (p, v) => p with { Comparison = p.Comparison with { Spending = (Spending)v } }, _ => "obrien-fleming"),
    ];

    private static PolicyKey[] Objectives() =>
    [
        new("objective.kind", new ChoiceRule<ObjectiveKind>(("cyclesPerCall", ObjectiveKind.CyclesPerCall), ("command", ObjectiveKind.Command), ("http", ObjectiveKind.Http)),
            "What is to get better: the function's own cost per call, or a number of yours from a command or an address.",
            (p, v) => p with { Objective = p.Objective with { Kind = (ObjectiveKind)v } }, _ => "cyclesPerCall"),
        new("objective.command", new TextListRule(1, 100), "The program and its arguments, no shell; its output holds the number.",
            (p, v) => p with { Objective = p.Objective with { Command = Texts(v) } }, _ => "–"),
        new("objective.url", new TextRule(2_000), "An http or https address; its answer holds the number.",
            (p, v) => p with { Objective = p.Objective with { Url = (string)v } }, _ => "–"),
        new("objective.pattern", new TextRule(1_000, isPattern: true), "A regular expression whose first group is the number.",
            (p, v) => p with { Objective = p.Objective with { Pattern = (string)v } }, _ => "the first number"),
        new("objective.metric", new TextRule(1_000), "A Prometheus sample, with or without labels, instead of a pattern.",
            (p, v) => p with { Objective = p.Objective with { Metric = (string)v } }, _ => "–"),
        new("objective.direction", new ChoiceRule<ObjectiveDirection>(("lower", ObjectiveDirection.Lower), ("higher", ObjectiveDirection.Higher)),
            "Which way is better.", (p, v) => p with { Objective = p.Objective with { Direction = (ObjectiveDirection)v } }, _ => "lower"),
        new("objective.counter", new FlagRule(), "The number only grows; its growth per second is what counts.",
            (p, v) => p with { Objective = p.Objective with { IsCounter = (bool)v } }, _ => "false"),
        new("objective.timeout", new DurationRule("10ms", "1m"), "Of one reading.",
            (p, v) => p with { Objective = p.Objective with { Timeout = (TimeSpan)v } }, p => Time(p.Objective.Timeout)),
    ];

    private static PolicyKey[] Afterwards() =>
    [
        new("coolDown.afterLoss", new DurationRule("0s", "8760h"), "A version that lost is not tried again for so long, unless the profile has changed.",
            (p, v) => p with { CoolDown = p.CoolDown with { AfterLoss = (TimeSpan)v } }, p => Time(p.CoolDown.AfterLoss)),
        new("coolDown.afterRollback", new DurationRule("0s", "8760h"), "The same after a kept version was rolled back.",
            (p, v) => p with { CoolDown = p.CoolDown with { AfterRollback = (TimeSpan)v } }, p => Time(p.CoolDown.AfterRollback)),
        new("regression.interval", new DurationRule("100ms", "1h"), "How often a kept version is judged.",
            (p, v) => p with { Regression = p.Regression with { Interval = (TimeSpan)v } }, p => Time(p.Regression.Interval)),
        new("regression.guardHitRate", Share, "A kept version goes when its guard's hit rate is surely below this.",
            (p, v) => p with { Regression = p.Regression with { GuardHitRate = (double)v } }, p => Percent(p.Regression.GuardHitRate)),
        new("regression.action", new ChoiceRule<RegressionAction>(("rollback", RegressionAction.Rollback), ("report", RegressionAction.Report)),
            "What is done: roll back, or only say so.", (p, v) => p with { Regression = p.Regression with { Action = (RegressionAction)v } }, _ => "rollback"),
        new("validation.runs", new CountRule(1, 1_000_000), "Runs of original and version side by side before it may go live.",
            (p, v) => p with { Validation = p.Validation with { Runs = (int)(long)v } }, p => $"{p.Validation.Runs}"),
        new("validation.minimum", new CountRule(1, 1_000_000), "Runs that must have ended and agreed.",
            (p, v) => p with { Validation = p.Validation with { Minimum = (int)(long)v } }, p => $"{p.Validation.Minimum}"),
    ];

    private static Policy WithNames(Policy p, GlobFilter names) => p with { Functions = p.Functions with { Names = names } };

    private static Policy WithModules(Policy p, GlobFilter modules) => p with { Functions = p.Functions with { Modules = modules } };

    private static IReadOnlyList<string> Texts(object value) => (IReadOnlyList<string>)value;

    private static string List(IReadOnlyList<string> texts) => "[" + string.Join(", ", texts.Select(t => $"\"{t}\"")) + "]";

    private static string Percent(double share) => $"{share * 100:0.##}%";

    private static string Flag(bool value) => value ? "true" : "false";

    private static string Time(TimeSpan time) => time switch
    {
        { TotalSeconds: < 1 } => $"{time.TotalMilliseconds:0}ms",
        { TotalMinutes: >= 1, Seconds: 0 } => $"{time.TotalMinutes:0}m",
        _ => $"{time.TotalSeconds:0.###}s",
    };
}
