using System.Diagnostics;
using KernOpt.Code.Images;
using KernOpt.Engine.Journaling;
using KernOpt.Engine.Policies;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Measure.Profiles;
using KernOpt.Target;
using Microsoft.Extensions.Hosting;

namespace KernOpt.Engine.Tuning;

/// <summary>
/// The closed loop: profile, choose the hottest function that may be tried, make a version, compare it on live traffic, keep it or take it out, and begin again; what
/// was kept is watched all the while.
/// </summary>
public sealed class TuneLoop(TuneJob job, IHostApplicationLifetime lifetime) : BackgroundService
{
    private readonly Session session = job.Session;
    private readonly Policy policy = job.Policy;
    private readonly Attempts attempts = new(job.Policy.CoolDown, TimeProvider.System);
    private readonly NotTried notTried = new(job.Session);
    private readonly List<ExperimentOutcome> experiments = [];
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private int hertz = job.Policy.Sampling.Frequency;
    private double profilingSeconds;
    private int rounds;
    private IReadOnlyList<HotFunction<Function>> candidates = [];

    /// <summary>How the run ended; set when the service has stopped.</summary>
    public Outcome<TuneReport> Result { get; private set; } = Reasons.Interrupted.With("");

    private TimeSpan Time => job.Time < policy.Budgets.TotalTime ? job.Time : policy.Budgets.TotalTime;

    private TimeSpan Left => Time - clock.Elapsed;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // The host waits for nobody who runs on its own thread before the first await.
        await Task.Yield();
        try
        {
            Result = await RunAsync(stoppingToken).ConfigureAwait(false);
        }
        finally
        {
            lifetime.StopApplication();
        }
    }

    private async Task<Outcome<TuneReport>> RunAsync(CancellationToken cancellation)
    {
        var name = session.Program.MainProgram?.Name ?? "";
        if (!policy.Targets.Allows(name)) return Reasons.TargetNotAllowed.With($"{name} by policy {policy.Name}");
        if (policy.Mode != PolicyMode.MeasureOnly && !session.Change().Try(out _, out var why)) return why;
        if (policy.Mode == PolicyMode.Act) Leftovers.SetBack(session);
        var kept = new KeptVersions(session, policy, attempts, job.Progress.Report);
        using var watching = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var watch = kept.WatchAsync(watching.Token);
        Refusal? ended = null;
        try
        {
            while (Left > TimeSpan.Zero && !cancellation.IsCancellationRequested && ended is null && !watch.IsCompleted) ended = await RoundAsync(kept, cancellation).ConfigureAwait(false);
        }
        finally
        {
            await watching.CancelAsync().ConfigureAwait(false);
            await watch.ConfigureAwait(false);
        }
        if (ended is not null && session.Target.State != TargetState.Alive) ended = await Ending.OfAsync(session, cancellation).ConfigureAwait(false);
        // What was decided before an interrupt is still to be told.
        if (ended is not null && ended.Reason != Reasons.Interrupted) return ended;
        if (cancellation.IsCancellationRequested) notTried.Add("", ended ?? Reasons.Interrupted.With($"after {clock.Elapsed.TotalSeconds:0.0} s"));
        else TellLate(new Trial(session, policy, attempts, kept, notTried, job.Progress));
        var cost = profilingSeconds / Math.Max(0.001, clock.Elapsed.TotalSeconds);
        return new TuneReport(session.Target.Name, policy.Name, clock.Elapsed.TotalSeconds, [.. experiments.Select(e => e.Row())], notTried.Rows(), cost, session.Target.LongestHold.TotalMicroseconds);
    }

    /// <summary>One profile and what follows from it. Answers why the loop cannot go on, or null.</summary>
    private async Task<Refusal?> RoundAsync(KeptVersions kept, CancellationToken cancellation)
    {
        if (!session.Refresh().Try(out var change, out var why)) return why;
        var isFirst = rounds++ == 0;
        if (policy.Mode == PolicyMode.Act && (isFirst || change.Loaded.Length > 0)) TakeOutAtRisk(kept);
        var time = policy.Sampling.ProfileTime < Left ? policy.Sampling.ProfileTime : Left;
        var cpu = session.Target.CpuTime;
        if (!(await HotProfiler.RunAsync(session, time, hertz, job.Progress, cancellation).ConfigureAwait(false)).Try(out var hot, out why)) return why;
        if (cancellation.IsCancellationRequested) return null;
        MindBudget(hot.Report, session.Target.CpuTime - cpu);
        session.Note(JournalKind.Profiled, "", $"{hot.Report.Samples} samples in {hot.Report.Seconds:0.0} s by {hot.Report.Source}");
        // A later profile that the end of the run cut short says nothing about the target.
        var isTelling = isFirst || time >= policy.Sampling.ProfileTime;
        if (WhyNothing(hot) is { } nothing)
        {
            if (isTelling) notTried.Add("", nothing);
            return null;
        }

        var trial = new Trial(session, policy, attempts, kept, notTried, job.Progress);
        candidates = [.. hot.Ranked.Where(f => IsHot(f) && IsAllowed(f, kept))];
        foreach (var function in candidates)
        {
            TellLate(trial);
            if (cancellation.IsCancellationRequested || trial.WhyNoTime(Left, Trial.Preparation) is not null) break;
            var tried = await trial.RunAsync(function, () => Left, cancellation).ConfigureAwait(false);
            experiments.AddRange(tried);
            if (session.Target.State != TargetState.Alive) return Reasons.TargetEnded.With(session.Target.Name);
            // After a change the profile is another one.
            if (tried.Any(t => t.Verdict is not null)) return null;
        }
        await Pause.For(Left < TimeSpan.FromSeconds(1) ? Left : TimeSpan.FromSeconds(1), cancellation).ConfigureAwait(false);
        return null;
    }

    /// <summary>Where no time is left for a comparison: which of the last profile's candidates had none.</summary>
    private void TellLate(Trial trial)
    {
        if (trial.WhyNoTime(Left, Trial.Preparation) is not { } why) return;
        foreach (var function in candidates.Where(c => !WasTried(c.Key))) notTried.Add(function.Key.DisplayName, why);
    }

    /// <summary>Also of versions that earlier runs left: they, too, were judged before the module came.</summary>
    private void TakeOutAtRisk(KeptVersions kept)
    {
        foreach (var (version, why) in VersionsAtRisk.Of(session))
        {
            if (kept.TakeOut(version.Id, why) || session.Live.Redirects.FirstOrDefault(r => r.Id == version.RedirectId) is not { } redirect) continue;
            TakingOut.Of(session, redirect, version.Id, version.FunctionName, why.ToString(), why.Reason);
        }
    }

    /// <summary>Why this profile leads to no candidate at all, or null.</summary>
    private Refusal? WhyNothing(HotResult hot)
    {
        var (report, needed) = (hot.Report, policy.Thresholds);
        if (policy.Mode == PolicyMode.MeasureOnly) return Reasons.ProfiledOnly.With($"policy {policy.Name}");
        if (report.Samples < needed.MinimumSamples) return Reasons.TooFewSamples.With($"{report.Samples} in {report.Seconds:0.0} s, {needed.MinimumSamples} are needed");
        if (hot.Ranked.Any(IsHot)) return null;
        var most = hot.Ranked.MaxBy(f => f.ShareInterval.Low);
        return Reasons.NothingHot.With(most is null
            ? $"no sample of {report.Samples} lies in a function that is known"
            : $"the hottest, {most.Key.DisplayName}, takes {most.Share:P1} of the time ({most.ShareInterval.Low:P1} at least); {needed.MinimumShare:P1} are asked for");
    }

    private bool IsHot(HotFunction<Function> hot) => hot.ShareInterval.Low >= policy.Thresholds.MinimumShare;

    private bool IsAllowed(HotFunction<Function> hot, KeptVersions kept)
    {
        if (kept.Any(hot.Key.Start)) return false;
        if (policy.Functions.Allows(hot.Key.Module.Name, [hot.Key.StableName, .. hot.Key.Names])) return true;
        notTried.Add(hot.Key.DisplayName, Reasons.FunctionNotAllowed.With($"{hot.Key.StableName} by policy {policy.Name}"));
        return false;
    }

    /// <summary>Or refused, which is told too.</summary>
    private bool WasTried(Function function) => !attempts.MayTry(function.StableName) || experiments.Exists(e => e.StableName == function.StableName);

    /// <summary>Samples less often when sampling has cost more of the target's own CPU time than the policy allows.</summary>
    private void MindBudget(HotReport report, TimeSpan cpuOfTarget)
    {
        var seconds = report.CostShare * report.Seconds;
        profilingSeconds += seconds;
        var share = seconds / Math.Max(0.001, cpuOfTarget.TotalSeconds);
        if (share <= policy.Budgets.ProfilingCost || hertz <= 50) return;
        hertz = Math.Max(50, (int)(hertz * policy.Budgets.ProfilingCost / share));
        session.Note(JournalKind.Drift, "", $"sampling cost {share:P1} of the target's CPU time, the policy allows {policy.Budgets.ProfilingCost:P1}: down to {hertz} Hz");
    }
}
