using KernOpt.Live;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live;

/// <summary>A kernopt that is killed at any step leaves a log from which the next one restores everything.</summary>
public sealed class KilledWriterTests
{
    [Fact]
    public void KilledAtEveryStepOfInstalling_TheNextOneRestoresTextAndMemory()
    {
        var whole = TinyProgram.Make();
        TinyProgram.InstallEverything(whole);
        Assert.True(whole.Steps > 50);
        Assert.False(whole.TextIsTheFiles);
        for (var step = 1; step <= whole.Steps; step++)
        {
            var target = TinyProgram.Make();
            target.KillAt = step;
            Assert.Throws<KilledException>(() => TinyProgram.InstallEverything(target));
            target.KillAt = int.MaxValue;
            AssertReverts(target, $"killed at step {step}");
        }
    }

    [Fact]
    public void KilledAtEveryStepOfReverting_TheNextOneFinishes()
    {
        var whole = TinyProgram.Make();
        TinyProgram.InstallEverything(whole);
        var installed = whole.Steps;
        TinyProgram.Open(whole).RevertAll();
        for (var step = installed + 1; step <= whole.Steps; step++)
        {
            var target = TinyProgram.Make();
            TinyProgram.InstallEverything(target);
            target.KillAt = step;
            Assert.Throws<KilledException>(() => TinyProgram.Open(target).RevertAll());
            target.KillAt = int.MaxValue;
            AssertReverts(target, $"killed at step {step}");
        }
    }

    [Fact]
    public void KilledAtEveryStep_ThenInstalledAgain_ThenReverted()
    {
        var whole = TinyProgram.Make();
        TinyProgram.InstallEverything(whole);
        for (var step = 1; step <= whole.Steps; step += 3)
        {
            var target = TinyProgram.Make();
            target.KillAt = step;
            Assert.Throws<KilledException>(() => TinyProgram.InstallEverything(target));
            target.KillAt = int.MaxValue;
            TinyProgram.InstallEverything(target);
            AssertReverts(target, $"killed at step {step}");
        }
    }

    /// <summary>The planted bug: a writer that does not log its change before it makes it is found out by the same check.</summary>
    [Fact]
    public void ChangeWithoutARecord_IsNotRestored_AndTheCheckSeesIt()
    {
        var target = TinyProgram.Make();
        Assert.True(target.StoreText(TinyProgram.Start + 1, target.Text[1..6], [0xE9, 0, 0, 0, 0]).IsDone);
        TinyProgram.Open(target).RevertAll();
        Assert.False(target.TextIsTheFiles);
    }

    private static void AssertReverts(ByteTarget target, string when)
    {
        var report = TinyProgram.Open(target).RevertAll();
        Assert.True(report.IsTextRestored, $"{when}: {string.Join(", ", report.Problems)}");
        Assert.True(target.TextIsTheFiles, when);
        Assert.True(target.Regions.Count == 0, $"{when}: a region is left, {report.Draining} draining");
    }
}
