using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Engine.Comparing;
using KernOpt.Engine.Journaling;
using KernOpt.Engine.Objectives;
using KernOpt.Engine.Policies;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Live;
using KernOpt.Measure.Comparing;
using KernOpt.Measure.Profiles;
using KernOpt.Measure.Watching;
using KernOpt.Optimize.Guards;
using KernOpt.Optimize.Versions;
using KernOpt.Target;
using KernOpt.Validate;
using Arm = KernOpt.Live.Arm;

namespace KernOpt.Engine.Tuning;

/// <summary>Tries the techniques that the policy allows on one hot function, the most promising first, until one is kept.</summary>
internal sealed class Trial(Session session, Policy policy, Attempts attempts, KeptVersions kept, NotTried notTried, IProgress<string> progress)
{
    private static readonly TimeSpan ValueTime = TimeSpan.FromSeconds(1), BlockTime = TimeSpan.FromSeconds(1);

    /// <summary>What goes before the first comparison at least.</summary>
    public static TimeSpan Preparation => ValueTime;

    /// <param name="left">The time that the run has left; asked again before each step that takes long.</param>
    public async Task<IReadOnlyList<ExperimentOutcome>> RunAsync(HotFunction<Function> hot, Func<TimeSpan> left, CancellationToken cancellation)
    {
        var function = hot.Key;
        if (!attempts.MayTry(function.StableName)) return [];
        if (!session.Parse(function).Then(g => MovingRules.Check(session, g).Then<FunctionGraph>(_ => g)).Try(out var graph, out var why)) return Refuse(function, why);
        if (!(await ValueProfiler.RunAsync(session, graph, ValueTime, policy.Sampling.ValuesOneIn, progress, cancellation).ConfigureAwait(false)).Try(out var values, out why)) return Refuse(function, why);
        if (values.Report.CallsPerSecond < policy.Thresholds.MinimumCallsPerSecond) return Refuse(function, Reasons.TooFewCalls.With($"{values.Report.CallsPerSecond:0} a second"));

        var tried = new List<ExperimentOutcome>();
        var applies = false;
        foreach (var plan in Plans(graph, values, cancellation))
        {
            applies = true;
            var experiment = new ExperimentOutcome(function.DisplayName, function.StableName, plan.Technique, plan.Bindings, hot.Share);
            if (!attempts.MayTry(experiment.Attempt)) continue;
            if (cancellation.IsCancellationRequested || !MayStillCompare(experiment, left)) break;
            session.Note(JournalKind.Chosen, function.DisplayName, $"{plan.Technique} {plan.Bindings}: {hot.Share:P1} of the time, {values.Report.CallsPerSecond:0} calls a second", evidence: Evidence.Of(hot));
            if (await TryAsync(graph, plan, experiment, left, cancellation).ConfigureAwait(false)) tried.Add(experiment);
            if (experiment.Outcome == "kept" || cancellation.IsCancellationRequested) break;
        }
        // Its values may change: it is looked at again in the next round.
        if (!applies) notTried.Add(function.DisplayName, Reasons.NothingToTry.With(Constancy(values)));
        return tried;
    }

    /// <summary>Why there is no time for a comparison, after something that takes some time itself; null where there is.</summary>
    public Refusal? WhyNoTime(TimeSpan left, TimeSpan before)
    {
        var needed = before + policy.Comparison.MinimumDuration;
        if (left >= needed) return null;
        var run = policy.Sampling.ProfileTime + ValueTime + BlockTime + policy.Comparison.MinimumDuration;
        return Reasons.NoTimeToCompare.With($"{Math.Max(0, left.TotalSeconds):0.0} s were left, a comparison needs about {needed.TotalSeconds:0.0} s; a run with its profiles needs --for {Math.Ceiling(run.TotalSeconds) + 1:0}s at least");
    }

    private string Constancy(ValuesResult values) => values.Profile.Calls < policy.Thresholds.MinimumSamples
        ? $"{values.Profile.Calls} calls were looked at, {policy.Thresholds.MinimumSamples} are needed"
        : $"an argument's top value must surely cover {policy.Thresholds.Constancy:P0} of the calls";

    private sealed record Attempt(string Technique, string Bindings, Func<Task<Outcome<VersionPlan>>> Prepare);

    private IEnumerable<Attempt> Plans(FunctionGraph graph, ValuesResult values, CancellationToken cancellation)
    {
        var bindings = policy.Techniques.Specialize ? ConstantArguments.Of(values, policy, session.Program.Map) : [];
        if (bindings.Count > 0)
        {
            yield return new Attempt("specialize", Versions.Bindings.Text(bindings), () => Task.FromResult<Outcome<VersionPlan>>(
                VersionPlans.Specialized(session, graph, bindings, policy.Techniques.CallSites, values.Seeds)));
        }
        if (policy.Techniques.Outline)
        {
            yield return new Attempt("outline", "", async () =>
                (await BlockProfiler.RunAsync(session, graph, values.Seeds, Limits(new ValidationLimits()), BlockTime, progress, cancellation).ConfigureAwait(false)).Then<VersionPlan>(counts => VersionPlans.Outlined(graph, counts, values.Seeds)));
        }
        if (policy.Techniques.Relocate)
        {
            yield return new Attempt("relocate", "", () => Task.FromResult<Outcome<VersionPlan>>(VersionPlans.Relocated(graph, values.Seeds)));
        }
    }

    /// <summary>Nothing is lost by a comparison that was not begun: it may be tried again at once, where there is time.</summary>
    private bool MayStillCompare(ExperimentOutcome experiment, Func<TimeSpan> left)
    {
        if (WhyNoTime(left(), TimeSpan.Zero) is not { } why) return true;
        notTried.Add(experiment.Function, why);
        return false;
    }

    /// <summary>Answers whether it was an experiment at all; false where it was given up for want of time.</summary>
    private async Task<bool> TryAsync(FunctionGraph graph, Attempt attempt, ExperimentOutcome experiment, Func<TimeSpan> left, CancellationToken cancellation)
    {
        if (session.Live.Regions.Sum(r => (long)r.CodeBytesInUse) >= policy.Budgets.CodeSize)
        {
            Lose(experiment, "refused", Reasons.CodeBudgetSpent.With($"{policy.Budgets.CodeSize} bytes"));
            return true;
        }
        if (!(await attempt.Prepare().ConfigureAwait(false)).Try(out var plan, out var why)
            || !Redirection.Of(session, graph, [.. plan.Bindings.Select(b => b.Argument)]).Try(out var redirection, out why))
        {
            Lose(experiment, "refused", why);
            return true;
        }
        if (cancellation.IsCancellationRequested || !MayStillCompare(experiment, left))
        {
            redirection.ReleaseIfUnused(session);
            return false;
        }
        if (!Installer(redirection.Redirect, plan).Try(out var made, out why))
        {
            redirection.ReleaseIfUnused(session);
            Lose(experiment, policy.Mode == PolicyMode.DryRun && why.Reason == Reasons.DryRun ? "validated" : "refused", why);
            return true;
        }
        experiment.Id = made.Installed.Id;
        if (policy.Techniques.CallSites) CallSites.Bind(session, made, plan);
        if (!MayStillCompare(experiment, left))
        {
            TakeOut(made, experiment, "rolled back", Reasons.NoTimeToCompare.ToString());
            return false;
        }
        try
        {
            await CompareAsync(graph, made, experiment, left(), cancellation).ConfigureAwait(false);
        }
        catch
        {
            TakeOut(made, experiment, "rolled back", "the comparison ended by a fault");
            throw;
        }
        return true;
    }

    private Outcome<MadeVersion> Installer(Redirect redirect, VersionPlan plan) => VersionInstaller.Install(session, redirect, plan with
    {
        IsDryRun = policy.Mode == PolicyMode.DryRun,
        Limits = Limits(plan.Limits),
    });

    private ValidationLimits Limits(ValidationLimits limits) => limits with { Runs = policy.Validation.Runs, MinimumReturned = policy.Validation.Minimum };

    private async Task CompareAsync(FunctionGraph graph, MadeVersion made, ExperimentOutcome experiment, TimeSpan left, CancellationToken cancellation)
    {
        var plan = policy.Comparison with { MaximumDuration = left < policy.Comparison.MaximumDuration ? left : policy.Comparison.MaximumDuration };
        using var objective = Objective.Of(policy.Objective);
        var conditions = new AbConditions(plan.ToSettings(policy.Objective.ToMetric()), plan.Window, plan.MaximumDuration) { Objective = objective is null ? null : new ObjectiveMeter(objective, policy.Objective.IsCounter) };
        var outcome = await AbRunner.RunAsync(session, made.Installed.Id, conditions, progress, cancellation).ConfigureAwait(false);
        if (!outcome.Try(out var result, out var why))
        {
            Lost(made, experiment, "rolled back", why.ToString());
            return;
        }
        experiment.Verdict = result.Verdict;
        experiment.Why = result.Verdict.Why;
        session.Note(JournalKind.Verdict, experiment.Function, result.Verdict.ToString(), made.Installed.Id, evidence: Evidence.Of(result.Verdict));
        if (result.Verdict.Kind != VerdictKind.Faster)
        {
            Lost(made, experiment, result.Verdict.KindText, result.Verdict.Why);
            return;
        }
        if (cancellation.IsCancellationRequested)
        {
            TakeOut(made, experiment, "rolled back", $"the run was ended; {result.Verdict.Why}");
            return;
        }
        if (!made.Redirect.Switch(Arm.Version(made.Installed.Id)).Try(out _, out why))
        {
            Lost(made, experiment, "rolled back", $"it could not be switched on: {why}");
            return;
        }
        experiment.Outcome = "kept";
        session.Note(JournalKind.Kept, experiment.Function, result.Verdict.Why, made.Installed.Id);
        kept.Add(new KeptVersion(made.Redirect, made.Installed, CodeRanges.Of(session.Live, made.Redirect, graph), WatchSettings(result), experiment));
    }

    private WatchSettings WatchSettings(AbResult result) => new()
    {
        MinimumGuardHitRate = policy.Regression.GuardHitRate,
        SmallestEffect = policy.Comparison.SmallestEffect,
        KeptCosts = result.VersionCosts,
    };

    private void TakeOut(MadeVersion made, ExperimentOutcome experiment, string outcome, string why)
    {
        experiment.TakenOut(TakingOut.Of(session, made.Redirect, made.Installed.Id, experiment.Function, why), outcome, why);
    }

    private void Lost(MadeVersion made, ExperimentOutcome experiment, string outcome, string why)
    {
        TakeOut(made, experiment, outcome, why);
        attempts.Lost(experiment.Attempt);
    }

    private void Lose(ExperimentOutcome experiment, string outcome, Refusal why)
    {
        experiment.Outcome = outcome;
        experiment.Why = why.ToString();
        attempts.Lost(experiment.Attempt);
    }

    private IReadOnlyList<ExperimentOutcome> Refuse(Function function, Refusal why)
    {
        notTried.Add(function.DisplayName, why);
        attempts.Lost(function.StableName);
        return [];
    }
}
