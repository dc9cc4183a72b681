using KernOpt.Engine.Policies;
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
internal sealed class KeptVersion(Redirect redirect, InstalledVersion version, CodeRanges ranges, RegressionWatch watch, ExperimentOutcome experiment)
{
    private const int Slices = 3;
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(60);

    public ExperimentOutcome Experiment => experiment;
    public InstalledVersion Version => version;
    public Redirect Redirect => redirect;

    /// <summary>One interval's look. The answer says whether it stays; when not, the switch is at the original already.</summary>
    public async Task<WatchDecision> ObserveAsync(ISampler sampler, RegressionAction action, CancellationToken cancellation)
    {
        var samples = new List<Sample>();
        var costs = new List<double>();
        ulong calls = 0, misses = 0;
        if (!redirect.Switch(Arm.CountedVersion(version.Id)).IsDone) return new WatchDecision(false, Reasons.TargetEnded, "the switch is no longer in force");
        for (var i = 0; i < Slices && !cancellation.IsCancellationRequested; i++)
        {
            sampler.Drain(samples);
            samples.Clear();
            var (callsBefore, missesBefore) = (version.Calls, version.GuardMisses);
            await Pause.For(Slice, cancellation).ConfigureAwait(false);
            sampler.Drain(samples);
            var (callsNow, missesNow) = (version.Calls - callsBefore, version.GuardMisses - missesBefore);
            calls += callsNow;
            misses += missesNow;
            if (callsNow > 0) costs.Add((double)samples.Where(s => ranges.Contain(s.Ip)).Sum(s => (long)s.Weight) / callsNow);
        }
        // Threads that came in before a slice and missed in it may make misses outnumber calls.
        misses = Math.Min(misses, calls);
        var interval = new WatchInterval { GuardHits = (long)(calls - misses), GuardMisses = (long)misses, Costs = costs };
        var decision = watch.Observe(interval);
        redirect.Switch(decision.Stays || action == RegressionAction.Report ? Arm.Version(version.Id) : Arm.Original);
        return decision;
    }
}
