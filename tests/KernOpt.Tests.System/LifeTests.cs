using Xunit;

namespace KernOpt.Tests.System;

/// <summary>What programs do while they are changed: threads come and go, children are forked, libraries open and close, another program is executed.</summary>
public sealed class LifeTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task ThreadsAndChildren_OfAPatchedProgram_ComputeRight_AndItRestores()
    {
        using var target = Start();
        await NextAsync(target, "closed");
        await InstallAsync(target, "relocate", "work");
        await NextAsync(target, "closed");
        await Expect.RevertedAsync(target.Pid);
        await NextAsync(target, "closed");
    }

    [Fact]
    public async Task Library_ThatIsClosedWhilePatched_LeavesNothingBehindThatHurts()
    {
        using var target = Start();
        await NextAsync(target, "closed");
        await Tool.RunAsync("kill", "-USR1", $"{target.Pid}");
        await NextAsync(target, "open");
        await InstallAsync(target, "relocate", "plugged");
        await NextAsync(target, "open");
        await Tool.RunAsync("kill", "-USR1", $"{target.Pid}");
        await NextAsync(target, "closed");
        Assert.Equal(Expect.Done, (await Kernopt.RunAsync("list", "--pid", $"{target.Pid}", "--json")).ExitCode);
        await Tool.RunAsync("kill", "-USR1", $"{target.Pid}");
        await NextAsync(target, "open");
        await Expect.RevertedAsync(target.Pid);
        await NextAsync(target, "open");
    }

    [Fact]
    public async Task ProgramThatExecutesAnother_IsANewTarget_WithNothingInIt()
    {
        using var target = Start();
        await NextAsync(target, "closed");
        await InstallAsync(target, "relocate", "work");
        await Tool.RunAsync("kill", "-USR2", $"{target.Pid}");
        await Task.Delay(1_000, TestContext.Current.CancellationToken);
        await NextAsync(target, "closed");
        await Expect.UntouchedAsync(target);
        await InstallAsync(target, "relocate", "work");
        await Expect.RevertedAsync(target.Pid);
    }

    private static RunningTarget Start() => new(Scratch.Compile("family", "-O2"), Scratch.Compile("plugin", "-O2", "-shared", "-fPIC"));

    private static async Task InstallAsync(RunningTarget target, string command, string function, params string[] more)
    {
        var run = await Kernopt.RunAsync([command, "--pid", $"{target.Pid}", function, .. more]);
        Assert.True(run.ExitCode == Expect.Done, $"{run}");
        Assert.NotEmpty(TargetText.Differences(target.Pid));
    }

    /// <summary>Waits for two more lines; nothing was wrong, and the library is as it should be.</summary>
    private static async Task NextAsync(RunningTarget target, string library)
    {
        var before = target.Lines.Count;
        await target.WaitForLineAsync(_ => target.Lines.Count > before + 2, Limit);
        var fields = target.Lines[^1].Split(' ');
        Assert.Equal("0", fields[2]);
        Assert.Equal(library, fields[3]);
    }
}
