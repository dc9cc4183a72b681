using KernOpt.Engine.Comparing;
using KernOpt.Engine.Sessions;
using KernOpt.Live;
using KernOpt.Measure.Comparing;
using KernOpt.Measure.Watching;
using KernOpt.Target;
using Arm = KernOpt.Live.Arm;

namespace KernOpt.Engine.Tuning;

/// <summary>
/// A version that was kept, and its watch. In every interval a short slice of its calls is counted: how often the guard held, and what a call costs. Most of the
/// time the switch stands at the version without any counting.
/// </summary>
internal sealed class KeptVersion(Redirect redirect, InstalledVersion version, CodeRanges ranges, WatchSettings settings, ExperimentOutcome experiment)
{
    private const int Slices = 3;

    /// <summary>Two windows each: 1.5 s.</summary>
    private const int Blocks = 12;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(60);
    private RegressionWatch watch = new(settings);

    public ExperimentOutcome Experiment => experiment;
    public InstalledVersion Version => version;
    public Redirect Redirect => redirect;

    /// <summary>
    /// One interval's look; whole slices only. However it ends, nothing counts any more: the switch is at the version again. What follows from the answer is the
    /// caller's to carry out.
    /// </summary>
    public async Task<WatchDecision> ObserveAsync(ISampler sampler, CancellationToken cancellation)
    {
        if (!redirect.Switch(Arm.CountedVersion(version.Id)).Try(out _, out var why)) return NoSwitch(why);
        WatchInterval interval;
        Outcome<Done> restored;
        try
        {
            interval = await MeasureAsync(sampler, cancellation).ConfigureAwait(false);
        }
        finally
        {
            restored = redirect.Switch(Arm.Version(version.Id));
        }
        return restored.Try(out _, out why) ? watch.Observe(interval) : NoSwitch(why);
    }

    /// <summary>
    /// The version beside its original, by turns in short windows: a machine that has become slower, or a load that has become harder, makes both dearer. Where the version is
    /// faster still, the watch begins anew at what it costs now.
    /// </summary>
    public async Task<Outcome<AbResult>> CompareAsync(Session session, AbSettings terms, CancellationToken cancellation)
    {
        if (!session.Target.StartSampling(new SamplingRequest(AbRunner.Hertz)).Try(out var sampler, out var why)) return why;
        Outcome<AbResult> outcome;
        using (sampler)
        {
            var conditions = new AbConditions(terms with { Metric = Metric.CostPerCall, Blocks = Math.Max(Blocks, terms.MinimumBlocks), Looks = 1 }, Slice, Longest);
            try
            {
                outcome = await new AbWindows(session, sampler, redirect, version, ranges, conditions).RunAsync(new Progress<string>(), cancellation).ConfigureAwait(false);
            }
            finally
            {
                redirect.Switch(Arm.Version(version.Id));
            }
        }
        if (outcome.Try(out var result, out _) && result.Verdict.Kind == VerdictKind.Faster) watch = new RegressionWatch(settings with { KeptCosts = result.VersionCosts });
        return outcome;
    }

    private async Task<WatchInterval> MeasureAsync(ISampler sampler, CancellationToken cancellation)
    {
        var samples = new List<Sample>();
        var slices = new List<WatchSlice>();
        ulong calls = 0, misses = 0;
        for (var i = 0; i < Slices; i++)
        {
            sampler.Drain(samples);
            samples.Clear();
            var (callsBefore, missesBefore) = (version.Calls, version.GuardMisses);
            await Pause.For(Slice, cancellation).ConfigureAwait(false);
            if (cancellation.IsCancellationRequested) break;
            sampler.Drain(samples);
            var (callsNow, missesNow) = (version.Calls - callsBefore, version.GuardMisses - missesBefore);
            calls += callsNow;
            misses += missesNow;
            var own = samples.Where(s => ranges.Contain(s.Ip)).ToList();
            slices.Add(new WatchSlice((long)callsNow, own.Sum(s => (double)s.Weight), own.Count));
        }
        // Threads that came in before a slice and missed in it may make misses outnumber calls.
        misses = Math.Min(misses, calls);
        return new WatchInterval { GuardHits = (long)(calls - misses), GuardMisses = (long)misses, Slices = slices };
    }

    private static WatchDecision NoSwitch(Refusal why) => new(false, why.Reason, $"its switch can no longer be thrown: {why.Detail}");
}
