using Xunit;

// The tests measure running programs; two at once on a small machine would measure each other.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]

namespace KernOpt.Tests.System;

internal static class Expect
{
    public const int Done = 0, Regression = 1, Inconclusive = 2, Refused = 3, Usage = 64, NoPermission = 77;

    /// <summary>One clear line on stderr, a numbered reason in it, and the exit code; no trace of an exception.</summary>
    public static void OneLine(int exit, Kernopt run)
    {
        Assert.True(run.ExitCode == exit, $"expected exit {exit}: {run}");
        var line = Assert.Single(run.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries), l => l.StartsWith("kernopt: ", StringComparison.Ordinal) && !l.Contains("building", StringComparison.Ordinal));
        Assert.Matches(@"^kernopt: KO\d{4} \w+: .*\.$", line); // Ends with the reason's own sentence.
        Assert.DoesNotContain("   at ", run.Errors, StringComparison.Ordinal);
    }

    /// <summary>Running, nothing installed by its own log, and its text is the files' by a look that is not kernopt's.</summary>
    public static async Task UntouchedAsync(RunningTarget target)
    {
        Assert.True(target.IsAlive);
        Assert.Empty(TargetText.Differences(target.Pid));
        Assert.False(TargetText.HasRegion(target.Pid));
        var list = await Kernopt.RunAsync("list", "--pid", $"{target.Pid}", "--json");
        Assert.True(list.ExitCode == Done, $"{list}");
        Assert.Equal(0, list.Result.GetProperty("changedPlaces").GetInt32());
    }

    /// <summary>revert --all took everything out: by its own word, and by a look that is not kernopt's.</summary>
    public static async Task RevertedAsync(int pid)
    {
        var revert = await Kernopt.RunAsync("revert", "--pid", $"{pid}", "--all", "--json");
        // On a starved machine a thread may stand in moved code for seconds: the text is back at once, the memory by a later revert.
        for (var again = 0; again < 5 && revert.ExitCode == Inconclusive; again++) revert = await Kernopt.RunAsync("revert", "--pid", $"{pid}", "--all", "--json");
        Assert.True(revert.ExitCode == Done, $"{revert}");
        Assert.True(revert.Result.GetProperty("textIsOriginal").GetBoolean(), $"{revert}");
        Assert.Empty(TargetText.Differences(pid));
        Assert.False(TargetText.HasRegion(pid), "the region is still mapped");
    }
}
