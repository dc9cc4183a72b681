using System.Text.Json;
using Xunit;

namespace KernOpt.Tests.System;

/// <summary>kernopt blame on a program whose time goes where its arguments say.</summary>
public sealed class BlameTests
{
    /// <summary>Microseconds a round: direct, through a pointer, in the library, recursive, behind a jump, asleep. Path: names from the root to what has most.</summary>
    [Theory]
    [InlineData("200 600 0 0 0 0", "ownTime", "pointer_slow", 0.75, "work_round middle dispatch pointer_slow")]
    [InlineData("600 100 100 0 0 0", "ownTime", "direct_work", 0.75, "work_round middle direct_work")]
    [InlineData("100 0 700 0 0 0", "ownTime", "library_deep", 0.875, "work_round library_work library_deep")]
    [InlineData("100 0 0 700 0 0", "ownTime", "recursive_work", 0.875, "work_round recursive_work")]
    [InlineData("100 0 0 0 700 0", "ownTime", "tail_end", 0.875, "work_round tail_begin tail_end")]
    public async Task TheBottleneck_IsNamed_WithItsShare(string microseconds, string kind, string name, double share, string path)
    {
        using var program = await StartAsync(microseconds);
        var blame = await Kernopt.RunAsync("blame", "--pid", $"{program.Pid}", "--root", "work_round", "--step", "1s", "--json");
        Assert.True(blame.ExitCode == Expect.Done, $"{blame}");
        var verdict = blame.Result.GetProperty("verdict");
        Assert.Equal(("bottleneck", kind, name), (verdict.GetProperty("verdict").GetString(), verdict.GetProperty("kind").GetString(), verdict.GetProperty("name").GetString()));
        Assert.Equal(path.Split(' '), verdict.GetProperty("path").EnumerateArray().Select(n => n.GetString()));
        // What others take of the processor is in all parts alike, but by chance.
        Assert.InRange(verdict.GetProperty("share").GetDouble(), share - 0.15, share + 0.15);
        Assert.InRange(verdict.GetProperty("share").GetDouble(), verdict.GetProperty("low").GetDouble(), verdict.GetProperty("high").GetDouble());
        // One thread does nothing else.
        Assert.InRange(blame.Result.GetProperty("threads").GetDouble(), 0.8, 1.05);
        await Expect.UntouchedAsync(program);
    }

    [Fact]
    public async Task TimeInTheKernel_IsASystemCalls()
    {
        using var program = await StartAsync("100 0 0 0 0 2000");
        var blame = await Kernopt.RunAsync("blame", "--pid", $"{program.Pid}", "--root", "work_round", "--step", "1s", "--json");
        Assert.True(blame.ExitCode == Expect.Done, $"{blame}");
        var verdict = blame.Result.GetProperty("verdict");
        Assert.Equal(("systemCall", "clock_nanosleep"), (verdict.GetProperty("kind").GetString(), verdict.GetProperty("name").GetString()));
        Assert.InRange(verdict.GetProperty("share").GetDouble(), 0.6, 1);
        await Expect.UntouchedAsync(program);
    }

    /// <summary>Five times a seventh, and less below: nothing is half of it.</summary>
    [Fact]
    public async Task TimeThatIsSpread_IsInconclusive()
    {
        using var program = await StartAsync("200 200 200 200 200 0");
        var blame = await Kernopt.RunAsync("blame", "--pid", $"{program.Pid}", "--root", "work_round", "--least", "60", "--json");
        Assert.True(blame.ExitCode == Expect.Inconclusive, $"{blame}");
        Assert.Equal("inconclusive", blame.Result.GetProperty("verdict").GetProperty("verdict").GetString());
        Assert.All(Parts(blame.Result.GetProperty("tree")), share => Assert.InRange(share, -0.05, 1.05));
        await Expect.UntouchedAsync(program);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(1_500)]
    [InlineData(3_000)]
    public async Task KilledBlame_LeavesARunningProgram_ThatTheNextOneRestores(int around)
    {
        using var program = await StartAsync("100 300 100 100 100 100");
        using (var blame = Kernopt.Start("blame", "--pid", $"{program.Pid}", "--root", "work_round", "--least", "1", "--step", "300ms", "--quiet"))
        {
            await Task.Delay(around + Random.Shared.Next(500), TestContext.Current.CancellationToken);
            blame.Kill();
            await blame.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        Assert.True(program.IsAlive);
        var next = await Kernopt.RunAsync("blame", "--pid", $"{program.Pid}", "--root", "work_round", "--json");
        Assert.Contains(next.ExitCode, (int[])[Expect.Done, Expect.Inconclusive]);
        await Expect.UntouchedAsync(program);
    }

    [Fact]
    public async Task ARootThatIsNone_IsAUsageError()
    {
        using var program = await StartAsync("100 0 0 0 0 0");
        Expect.OneLine(Expect.Usage, await Kernopt.RunAsync("blame", "--pid", $"{program.Pid}", "--root", "no_such_function"));
        await Expect.UntouchedAsync(program);
    }

    private static async Task<RunningTarget> StartAsync(string microseconds)
    {
        var library = Scratch.Compile("blamed", "-O2", "-DLIBRARY", "-shared", "-fPIC");
        var program = new RunningTarget(Scratch.Compile("blamed", "-O2", "-Wl,--no-as-needed", library), microseconds.Split(' '));
        await program.WaitForLineAsync(l => l == "ready", TimeSpan.FromSeconds(20));
        return program;
    }

    private static IEnumerable<double> Parts(JsonElement row) => row.GetProperty("children").EnumerateArray().SelectMany(Parts).Prepend(row.GetProperty("share").GetDouble());
}
