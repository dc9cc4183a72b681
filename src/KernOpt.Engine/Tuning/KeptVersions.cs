using KernOpt.Engine.Journaling;
using KernOpt.Engine.Policies;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Measure.Comparing;
using KernOpt.Measure.Watching;
using KernOpt.Target;

namespace KernOpt.Engine.Tuning;

/// <summary>
/// Watches all kept versions, side by side with the experiments, and rolls back within one measuring interval what no longer deserves to be kept.
/// A decision that was made is carried out and journaled in full, also when the run ends at that moment.
/// </summary>
internal sealed class KeptVersions(Session session, Policy policy, Attempts attempts, Action<string> say)
{
    private const int Hertz = 1_000;

    private readonly Lock gate = new();
    private readonly List<KeptVersion> kept = [];

    public bool Any(Address functionStart)
    {
        lock (gate) return kept.Exists(k => k.Redirect.Function.Start == functionStart);
    }

    public int Count
    {
        get { lock (gate) return kept.Count; }
    }

    public void Add(KeptVersion version)
    {
        lock (gate) kept.Add(version);
    }

    /// <summary>
    /// Ends with the token. A fault in it (a bug) ends it too, but not the run's report: kept versions stay, were proved when they were kept, and are said
    /// to be unwatched.
    /// </summary>
    public async Task WatchAsync(CancellationToken cancellation)
    {
        try
        {
            while (!cancellation.IsCancellationRequested)
            {
                await Pause.For(policy.Regression.Interval, cancellation).ConfigureAwait(false);
                if (cancellation.IsCancellationRequested || Count == 0) continue;
                if (!session.Target.StartSampling(new SamplingRequest(Hertz)).Try(out var sampler, out _)) continue;
                using (sampler) await ObserveAllAsync(sampler, cancellation).ConfigureAwait(false);
            }
        }
        catch (Exception fault)
        {
            Unwatched(fault);
        }
    }

    /// <summary>Takes a version out for a reason from outside of the watch, when it is one of these.</summary>
    public bool TakeOut(ulong id, Refusal why)
    {
        KeptVersion? version;
        lock (gate) version = kept.Find(k => k.Version.Id == id);
        if (version is not null) RollBack(version, why.ToString(), why.Reason);
        return version is not null;
    }

    private async Task ObserveAllAsync(ISampler sampler, CancellationToken cancellation)
    {
        KeptVersion[] now;
        lock (gate) now = [.. kept];
        foreach (var version in now)
        {
            if (cancellation.IsCancellationRequested) return;
            var decision = await version.ObserveAsync(sampler, cancellation).ConfigureAwait(false);
            // What a target does that has exited is no figure of the version's.
            if (session.Target.State != TargetState.Alive) return;
            if (!decision.Stays && await ConfirmAsync(version, decision, cancellation).ConfigureAwait(false) is { } confirmed) CarryOut(version, confirmed);
        }
    }

    /// <summary>A cost that rose is held beside the original's of now; null where the version is faster than that still. All else stands as it is.</summary>
    private async Task<WatchDecision?> ConfirmAsync(KeptVersion version, WatchDecision decision, CancellationToken cancellation)
    {
        if (decision.Reason != Reasons.CostDrifted) return decision;
        var compared = await version.CompareAsync(session, policy.Comparison.ToSettings(Metric.CostPerCall), cancellation).ConfigureAwait(false);
        if (session.Target.State != TargetState.Alive || cancellation.IsCancellationRequested) return null;
        if (!compared.Try(out var result, out var why)) return decision with { Text = $"{decision.Text}; it could not be held beside the original: {why}" };
        if (result.Verdict.Kind != VerdictKind.Faster) return decision with { Text = $"{decision.Text}; beside the original it is no longer surely faster: {result.Verdict}" };
        var text = $"{decision.Text}, and so did the original's: {result.Verdict}; it stays";
        say($"{version.Experiment.Function}: {text}");
        session.Note(JournalKind.Drift, version.Experiment.Function, text, version.Version.Id, Reasons.CostDrifted, Evidence.Of(result.Verdict));
        return null;
    }

    private void CarryOut(KeptVersion version, WatchDecision decision)
    {
        if (policy.Regression.Action != RegressionAction.Report)
        {
            RollBack(version, decision.Text, decision.Reason);
            return;
        }
        say($"{version.Experiment.Function}: {decision.Text}");
        session.Note(JournalKind.Drift, version.Experiment.Function, decision.Text, version.Version.Id, decision.Reason);
    }

    private void RollBack(KeptVersion version, string why, Reason? reason)
    {
        // Whoever takes it off the list takes it out: the watch and the loop may come to it at the same time.
        lock (gate)
        {
            if (!kept.Remove(version)) return;
        }
        var taken = TakingOut.Of(session, version.Redirect, version.Version.Id, version.Experiment.Function, why, reason);
        attempts.RolledBack(version.Experiment.Attempt);
        version.Experiment.TakenOut(taken, "rolled back", why);
        say($"{version.Experiment.Function}: {version.Experiment.Why}");
    }

    private void Unwatched(Exception fault)
    {
        lock (gate)
        {
            foreach (var version in kept) version.Experiment.Why = $"{version.Experiment.Why}; no longer watched: {Reasons.WatchFailed}";
        }
        say($"{Reasons.WatchFailed}: {fault.Message}");
        session.Note(JournalKind.Drift, "", $"the watch of kept versions ended: {fault}", reason: Reasons.WatchFailed);
    }
}
