using Xunit;

namespace KernOpt.Tests.System;

/// <summary>kernopt probe on a live program.</summary>
public sealed class ProbeTests
{
    [Fact]
    public async Task Blocks_AreCounted_AndTheTextIsTheFilesAfterwards()
    {
        using var program = new HotFilter(isStripped: true);
        var rate = await program.MedianRateAsync(1);
        var hot = await Kernopt.RunAsync("hot", "--pid", program.Pid, "--for", "1s", "--json");
        var function = hot.Result.GetProperty("functions")[0].GetProperty("function").GetString()!;
        var probe = await Kernopt.RunAsync("probe", "--pid", program.Pid, "--at", $"{function}:blocks", "--for", "2s", "--json");
        Assert.True(probe.ExitCode == Expect.Done, $"{probe}");
        var rows = probe.Result.GetProperty("rows").EnumerateArray().ToList();
        // No block of the loop runs more often than there are samples in a call; twice that for the noise between two measurements.
        Assert.Contains(rows, r => r.GetProperty("count").GetInt64() > 0);
        Assert.All(rows, r => Assert.InRange(r.GetProperty("perSecond").GetDouble(), 0, rate * 256 * 2));
        Assert.Empty(TargetText.Differences(program.Target.Pid));
        Assert.False(TargetText.HasRegion(program.Target.Pid));
        Assert.Equal(0, program.WrongAnswers);
    }

    [Theory]
    [InlineData("fold:middle")]
    [InlineData(":blocks")]
    [InlineData("fold+0x1")]
    [InlineData("no*such:entry")]
    public async Task APlaceThatIsNone_IsAUsageError_AndNothingIsTouched(string place)
    {
        using var program = new HotFilter(isStripped: false);
        var probe = await Kernopt.RunAsync("probe", "--pid", program.Pid, "--at", place, "--for", "1s");
        Assert.True(probe.ExitCode == Expect.Usage, $"{probe}");
        Assert.Contains("KO", probe.Errors, StringComparison.Ordinal);
        Assert.Empty(TargetText.Differences(program.Target.Pid));
        Assert.False(TargetText.HasRegion(program.Target.Pid));
    }
}
