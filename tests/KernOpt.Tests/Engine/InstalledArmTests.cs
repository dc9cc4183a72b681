using KernOpt.Engine.Journaling;
using KernOpt.Engine.Policies;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Tuning;
using KernOpt.Engine.Versions;
using KernOpt.Live;
using KernOpt.Measure.Watching;
using KernOpt.Target;
using KernOpt.Tests.Live;
using Xunit;

namespace KernOpt.Tests.Engine;

/// <summary>Where switches are left: by a kernopt that was killed, by the watch however it ends, by taking a version out.</summary>
public sealed class InstalledArmTests : IDisposable
{
    private readonly TinySession tiny = TinySession.Open();
    private readonly ByteTarget target;
    private readonly Journal journal;
    private readonly Session session;
    private readonly Redirect redirect;
    private readonly InstalledVersion version;

    public InstalledArmTests() => (target, journal, session, redirect, version) = tiny;

    public void Dispose() => tiny.Dispose();

    [Fact]
    public void ArmThatOnlyMeasured_IsSetBack_AndNoted()
    {
        Func<Arm>[] arms = [() => Arm.CountedOriginal, () => Arm.CountedVersion(version.Id), () => Arm.Probe(session.Live.AddProbe(redirect, 100, 64).Value.Id)];
        foreach (var arm in arms)
        {
            Assert.True(redirect.Switch(arm()).IsDone);
            Leftovers.SetBack(session);
            Assert.Equal(Arm.Original, redirect.Current);
        }
        Assert.Empty(redirect.Probes);
        Assert.Equal(3, Entries(JournalKind.RolledBack).Count(e => e.Reason == Reasons.OnlyMeasured));
    }

    [Fact]
    public void VersionThatSomebodySwitchedOn_IsLeftOn()
    {
        redirect.Switch(Arm.Version(version.Id));
        Leftovers.SetBack(session);
        Assert.Equal(Arm.Version(version.Id), redirect.Current);
        Assert.Empty(Entries(JournalKind.RolledBack));
    }

    [Fact]
    public async Task Watch_CutShort_JudgesNothing_AndLeavesNothingCounting()
    {
        using var ended = new CancellationTokenSource();
        redirect.Switch(Arm.Version(version.Id));
        var looking = Kept(Hopeless).ObserveAsync(new Silence(), ended.Token);
        Assert.Equal(Arm.CountedVersion(version.Id), redirect.Current);
        await ended.CancelAsync();
        Assert.True((await looking).Stays);
        Assert.Equal(Arm.Version(version.Id), redirect.Current);
    }

    [Fact]
    public async Task Watch_ThatFails_LeavesNothingCounting()
    {
        redirect.Switch(Arm.Version(version.Id));
        await Assert.ThrowsAsync<InvalidOperationException>(() => Kept(Hopeless).ObserveAsync(new Silence { Fails = true }, TestContext.Current.CancellationToken));
        Assert.Equal(Arm.Version(version.Id), redirect.Current);
    }

    [Fact]
    public async Task FaultOfTheWatch_EndsTheWatch_NotTheReport()
    {
        // This target cannot be sampled: it throws.
        var policy = Policy.Default with { Regression = Policy.Default.Regression with { Interval = TimeSpan.FromMilliseconds(1) } };
        var kept = new KeptVersions(session, policy, new Attempts(new CoolDowns(), TimeProvider.System), _ => { });
        redirect.Switch(Arm.Version(version.Id));
        var one = Kept(Hopeless);
        one.Experiment.Outcome = "kept";
        kept.Add(one);
        await kept.WatchAsync(TestContext.Current.CancellationToken);
        Assert.Equal("kept", one.Experiment.Outcome);
        Assert.Contains("no longer watched", one.Experiment.Why, StringComparison.Ordinal);
        Assert.Equal(Reasons.WatchFailed, Assert.Single(Entries(JournalKind.Drift)).Reason);
        Assert.Equal(Arm.Version(version.Id), redirect.Current);
    }

    [Fact]
    public async Task VersionThatIsGone_IsAnAnswerOfTheWatch()
    {
        redirect.Switch(Arm.Version(version.Id));
        session.Live.Revert(version.Id);
        var decision = await Kept(Hopeless).ObserveAsync(new Silence(), TestContext.Current.CancellationToken);
        Assert.False(decision.Stays);
        Assert.NotNull(decision.Reason);
    }

    [Fact]
    public void TakenOut_SaysWhatCouldNotBePutRight()
    {
        redirect.Switch(Arm.Version(version.Id));
        // Somebody else's bytes at the site: the text cannot be restored, the switch can.
        target.Text[(int)(redirect.Site - TinyProgram.Start)] ^= 1;
        var taken = TakingOut.Of(session, redirect, version.Id, "f", "it was slow");
        Assert.True(taken.IsOff);
        Assert.Contains(taken.Problems, p => p.Reason == Reasons.TextChangedByOthers);
        var told = Assert.Single(Entries(JournalKind.RolledBack));
        Assert.StartsWith("it was slow; it is off, but", told.Text, StringComparison.Ordinal);
        Assert.Equal(Reasons.TextChangedByOthers, told.Reason);
    }

    [Fact]
    public void TakenOutTwice_IsToldOnce_AsItIs()
    {
        var kept = new KeptVersions(session, Policy.Default, new Attempts(new CoolDowns(), TimeProvider.System), _ => { });
        redirect.Switch(Arm.Version(version.Id));
        var one = Kept(Hopeless);
        one.Experiment.Outcome = "kept";
        kept.Add(one);
        Assert.True(kept.TakeOut(version.Id, Reasons.ExceptionMayPass.With("libnew.so")));
        Assert.False(kept.TakeOut(version.Id, Reasons.ExceptionMayPass.With("libnew.so")));
        Assert.Equal("rolled back", one.Experiment.Outcome);
        Assert.Equal(Reasons.ExceptionMayPass, Assert.Single(Entries(JournalKind.RolledBack)).Reason);
        Assert.True(target.TextIsTheFiles);
    }

    /// <summary>Whatever it is shown, no call's guard holds.</summary>
    private static WatchSettings Hopeless => new() { MinimumGuardHitRate = 1 };

    private KeptVersion Kept(WatchSettings settings) =>
        new(redirect, version, new CodeRanges([version.Code]), settings, new ExperimentOutcome("f", "f", "relocate", "", 0.5));

    /// <summary>What the journal holds when the session has ended.</summary>
    private IEnumerable<JournalEntry> Entries(JournalKind kind)
    {
        session.Dispose();
        Assert.Null(session.JournalFailure);
        return journal.Read().Value.Where(e => e.Kind == kind);
    }

    /// <summary>A sampler that never has a sample.</summary>
    private sealed class Silence : ISampler
    {
        public bool Fails { get; init; }
        public string Source => "none";
        public double CostSeconds => 0;

        public long Drain(ICollection<Sample> into) => Fails ? throw new InvalidOperationException("a bug") : 0;

        public void Dispose()
        {
        }
    }
}
