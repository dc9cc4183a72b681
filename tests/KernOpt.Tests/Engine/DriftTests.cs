using KernOpt.Engine.Journaling;
using KernOpt.Engine.Policies;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Tuning;
using KernOpt.Live;
using KernOpt.Live.Stubs;
using KernOpt.Measure.Watching;
using KernOpt.Target;
using KernOpt.Tests.Live;
using Xunit;

namespace KernOpt.Tests.Engine;

/// <summary>A kept version whose calls become dearer: by its own fault, or because everything does.</summary>
public sealed class DriftTests : IDisposable
{
    private readonly TinySession tiny = TinySession.Open();
    private readonly ByteTarget target;
    private readonly Session session;
    private readonly Redirect redirect;
    private readonly InstalledVersion version;

    public DriftTests() => (target, _, session, redirect, version) = tiny;

    public void Dispose() => tiny.Dispose();

    [Fact]
    public async Task EverythingBecomesDearer_TheVersionStays_AndItIsNoted()
    {
        var (outcome, drifts) = await RunAsync(versionCost: 50, originalCost: 150, laterVersionCost: 150, laterOriginalCost: 450);
        Assert.Equal("kept", outcome.Outcome);
        Assert.Equal(Arm.Version(version.Id), redirect.Current);
        Assert.Contains(drifts, d => d.Text.Contains("it stays", StringComparison.Ordinal));
    }

    [Fact]
    public async Task OnlyTheVersionBecomesDearer_ItGoes()
    {
        var (outcome, _) = await RunAsync(versionCost: 50, originalCost: 150, laterVersionCost: 150, laterOriginalCost: 150);
        Assert.Equal("rolled back", outcome.Outcome);
        Assert.Contains("beside the original", outcome.Why, StringComparison.Ordinal);
        Assert.True(target.TextIsTheFiles);
    }

    /// <summary>Costs in samples for each 10,000 calls; they change after a second.</summary>
    private async Task<(ExperimentOutcome Outcome, List<JournalEntry> Drifts)> RunAsync(int versionCost, int originalCost, int laterVersionCost, int laterOriginalCost)
    {
        redirect.Switch(Arm.Version(version.Id));
        var began = TimeProvider.System.GetTimestamp();
        target.Sampler = () => new Calls(this, () =>
            TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(1.5) ? (versionCost, originalCost) : (laterVersionCost, laterOriginalCost));
        var policy = Policy.Default with { Regression = Policy.Default.Regression with { Interval = TimeSpan.FromMilliseconds(10) } };
        var kept = new KeptVersions(session, policy, new Attempts(new CoolDowns(), TimeProvider.System), _ => { });
        var outcome = new ExperimentOutcome("f", "f", "relocate", "", 0.5) { Outcome = "kept" };
        kept.Add(new KeptVersion(redirect, version, new CodeRanges([version.Code, redirect.Function]), new WatchSettings(), outcome));
        var drifts = new List<JournalEntry>();
        using var ended = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        session.Noted += entry =>
        {
            if (entry.Kind == JournalKind.Drift) drifts.Add(entry);
            if (entry.Kind is JournalKind.Drift or JournalKind.RolledBack or JournalKind.Reverted) ended.CancelAfter(TimeSpan.FromMilliseconds(200));
        };
        await kept.WatchAsync(ended.Token);
        return (outcome, drifts);
    }

    /// <summary>A thousand calls each millisecond or so, on the arm that is counted then, and the samples that they cost, give or take a twentieth.</summary>
    private sealed class Calls : ScriptedSampler
    {
        private readonly Random random = new(1);
        private readonly DriftTests test;
        private readonly Func<(int Version, int Original)> costs;
        private readonly Lock gate = new();
        private readonly ManualResetEventSlim stopped = new();
        private double versionSamples, originalSamples;

        public Calls(DriftTests test, Func<(int Version, int Original)> costs)
        {
            (this.test, this.costs) = (test, costs);
            // A thread of its own: the pool's are busy with the other tests.
            new Thread(Run) { IsBackground = true }.Start();
        }

        public override long Drain(ICollection<Sample> into)
        {
            lock (gate)
            {
                for (; versionSamples >= 1; versionSamples--) into.Add(new Sample(test.version.Code.Start, 1, 0, 250_000));
                for (; originalSamples >= 1; originalSamples--) into.Add(new Sample(test.redirect.Function.Start, 1, 0, 250_000));
            }
            return 0;
        }

        protected override void Stop() => stopped.Set();

        private void Run()
        {
            while (!stopped.Wait(1)) Call();
        }

        private void Call()
        {
            lock (gate)
            {
                var isVersion = test.redirect.Current.Kind == ArmKind.CountedVersion;
                var counter = isVersion ? test.version.Entry.Data.Offset : test.redirect.Entry.Data.Offset + RedirectCode.CounterAt;
                var memory = test.redirect.Region.Memory;
                memory.Store(counter, memory.Load(counter) + 1000);
                var (version, original) = costs();
                var noise = 0.95 + 0.1 * random.NextDouble();
                if (isVersion) versionSamples += version * noise / 10;
                else originalSamples += original * noise / 10;
            }
        }
    }
}
