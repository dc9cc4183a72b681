using KernOpt.Engine.Objectives;
using KernOpt.Engine.Policies;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Live;
using KernOpt.Measure.Comparing;
using KernOpt.Target;

namespace KernOpt.Engine.Comparing;

/// <summary>What a comparison came to.</summary>
public sealed record AbResult(AbReport Report, Verdict Verdict, IReadOnlyList<AbBlock> Blocks)
{
    /// <summary>What a call of the version cost in each window of it that had calls, ns.</summary>
    public IReadOnlyList<double> VersionCosts { get; } = [.. Blocks.Select(b => b.Version).Where(w => w.Calls > 0).Select(w => (double)w.SelfCpuNanoseconds / w.Calls)];
}

/// <summary>How a comparison is run: the statistics, the length of a window, after what time it must end, and the user's own number where there is one.</summary>
public sealed record AbConditions(AbSettings Settings, TimeSpan Window, TimeSpan Longest)
{
    /// <summary>Both arms are the original: must come out "no difference".</summary>
    public bool IsSelf { get; init; }

    /// <summary>The user's own number; null: the cost per call.</summary>
    public ObjectiveMeter? Objective { get; init; }
}

/// <summary>
/// Compares a version with its original on live traffic: windows in random order, in each of which all calls of the function go one way, both counted and
/// sampled alike. The metric is the CPU time in the function's own code (either arm's) per call, or the user's own number.
/// </summary>
public static class AbRunner
{
    /// <summary>Samples per second and running thread: in a window of 200 ms a function with a tenth of the time still gets some 80.</summary>
    internal const int Hertz = 4_000;

    /// <summary>For a person who asks for one comparison of at most this long: a fixed horizon, 95 %, 2 % is the smallest effect.</summary>
    public static Outcome<AbConditions> StandardConditions(TimeSpan time, TimeSpan window)
    {
        var plan = new ComparisonPlan { MaximumDuration = time, Window = window };
        if (time < plan.MinimumDuration)
        {
            return Reasons.NoTimeToCompare.With($"{time.TotalSeconds:0.###} s were given; {plan.MinimumBlocks} blocks of two windows of {window.TotalMilliseconds:0.###} ms need --for {Math.Ceiling(plan.MinimumDuration.TotalSeconds * 10) / 10:0.0}s at least");
        }
        return new AbConditions(plan.ToSettings(Metric.CostPerCall) with { Looks = 1 }, window, time);
    }

    public static async Task<Outcome<AbResult>> RunAsync(Session session, ulong id, AbConditions conditions, IProgress<string> progress, CancellationToken cancellation)
    {
        if (!session.Change().Try(out var live, out var why)) return why;
        var version = live.Versions.FirstOrDefault(v => v.Id == id && !v.IsDraining);
        var redirect = live.Redirects.FirstOrDefault(r => r.Id == version?.RedirectId);
        if (version is null || redirect is null) return Reasons.NoSuchVersion.With($"{id}");
        if (session.Program.FunctionAt(redirect.Function.Start) is not { } function) return Reasons.FunctionNotFound.With(redirect.FunctionName);
        if (!session.Parse(function).Try(out var graph, out why)) return why;
        if (!session.Target.StartSampling(new SamplingRequest(Hertz)).Try(out var sampler, out why)) return why;
        using (sampler)
        {
            var before = redirect.Current.AtRest;
            var windows = new AbWindows(session, sampler, redirect, version, CodeRanges.Of(live, redirect, graph), conditions);
            Outcome<AbResult> outcome;
            Outcome<Done> restored;
            try
            {
                outcome = await windows.RunAsync(progress, cancellation).ConfigureAwait(false);
            }
            finally
            {
                restored = redirect.Switch(before);
            }
            return restored.Try(out _, out why) ? outcome : why;
        }
    }
}
