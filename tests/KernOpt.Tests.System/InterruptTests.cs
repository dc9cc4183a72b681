using System.Diagnostics;
using Xunit;

namespace KernOpt.Tests.System;

/// <summary>A command that is ended in the middle leaves nothing in the target that nobody decided on.</summary>
public sealed class InterruptTests
{
    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    [InlineData("HUP")]
    public async Task OutlineThatIsEndedWhileItCounts_InstallsNothing(string signal)
    {
        using var program = new HotFilter(isStripped: false);
        using var outline = Kernopt.Start("outline", "--pid", program.Pid, "fold", "--for", "60s", "--quiet");
        var clock = Stopwatch.StartNew();
        while (!TargetText.HasRegion(program.Target.Pid))
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20) && !outline.HasExited, "outline did not begin");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
        await Task.Delay(1_500, TestContext.Current.CancellationToken);

        await Tool.RunAsync("kill", $"-{signal}", $"{outline.Id}");
        await outline.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);

        Assert.NotEqual(Expect.Done, outline.ExitCode);
        Assert.Empty(TargetText.Differences(program.Target.Pid));
    }
}
