using KernOpt.Engine.Journaling;
using KernOpt.Engine.Policies;
using KernOpt.Engine.Sessions;
using KernOpt.Target;

namespace KernOpt.Engine.Tuning;

/// <summary>
/// Watches all kept versions, side by side with the experiments, and rolls back within one measuring interval what no longer deserves to be kept.
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

    public async Task WatchAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            await Pause.For(policy.Regression.Interval, cancellation).ConfigureAwait(false);
            if (cancellation.IsCancellationRequested || Count == 0) continue;
            if (!session.Target.StartSampling(new SamplingRequest(Hertz)).Try(out var sampler, out _)) continue;
            using (sampler) await ObserveAllAsync(sampler, cancellation).ConfigureAwait(false);
        }
    }

    private async Task ObserveAllAsync(ISampler sampler, CancellationToken cancellation)
    {
        KeptVersion[] now;
        lock (gate) now = [.. kept];
        foreach (var version in now)
        {
            var decision = await version.ObserveAsync(sampler, policy.Regression.Action, cancellation).ConfigureAwait(false);
            if (decision.Stays || cancellation.IsCancellationRequested) continue;
            Note(version, decision.Text, decision.Reason);
            if (policy.Regression.Action == RegressionAction.Report) continue;
            lock (gate) kept.Remove(version);
            session.Live.Revert(version.Version.Id);
            attempts.RolledBack(version.Experiment.Attempt);
            version.Experiment.Outcome = "rolled back";
            version.Experiment.Why = decision.Text;
        }
    }

    private void Note(KeptVersion version, string why, Reason? reason)
    {
        say($"{version.Experiment.Function}: {why}");
        session.Note(policy.Regression.Action == RegressionAction.Report ? JournalKind.Drift : JournalKind.RolledBack, version.Experiment.Function, why, version.Version.Id, reason);
    }
}
