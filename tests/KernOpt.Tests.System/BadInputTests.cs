using Xunit;

namespace KernOpt.Tests.System;

/// <summary>Bad input gets one clear line on stderr, the right exit code, and leaves the target untouched.</summary>
public sealed class BadInputTests
{
    private const int Refused = 3, Usage = 64, NoPermission = 77;

    [Theory]
    [InlineData("hot", "--pid", "notanumber")]
    [InlineData("hot")]
    [InlineData("nonsense")]
    [InlineData("hot", "--pid", "1", "--for", "5parsecs")]
    [InlineData("hot", "--pid", "1", "--", "true")]
    [InlineData("specialize", "--pid", "1", "f")]
    [InlineData("revert", "--pid", "1")]
    [InlineData("hot", "--pid", "999999999")]
    public async Task Usage_IsOneLine_AndExits64(params string[] arguments) => AssertOneLine(Usage, await Kernopt.RunAsync(arguments));

    [Fact]
    public async Task KernelThread_IsRefused() => AssertOneLine(Refused, await Kernopt.RunAsync("hot", "--pid", "2"));

    [Theory]
    [InlineData("no_such_function", Usage)]
    [InlineData("hotfilter!no_such_function", Usage)]
    [InlineData("hotfilter+0x1", Usage)]
    public async Task Function_ThatDoesNotExist_IsNamed(string function, int exit)
    {
        using var target = new RunningTarget(Scratch.Compile("hotfilter", "-O2"));
        var run = await Kernopt.RunAsync("inspect", "--pid", $"{target.Pid}", function);
        AssertOneLine(exit, run);
        Assert.True(target.IsAlive);
    }

    [Theory]
    [InlineData("rsi=16", "--bind=r15=3")]
    [InlineData("rdi", null)]
    [InlineData("rdi=many", null)]
    [InlineData("xmm0=1", null)]
    public async Task Binding_ThatIsNoArgument_IsUsage(string first, string? second)
    {
        using var target = new RunningTarget(Scratch.Compile("hotfilter", "-O2"));
        string[] more = second is null ? [] : [second];
        var run = await Kernopt.RunAsync(["specialize", "--pid", $"{target.Pid}", "fold", "--bind", first, .. more]);
        AssertOneLine(Usage, run);
        var list = await Kernopt.RunAsync("list", "--pid", $"{target.Pid}", "--json");
        Assert.Equal(0, list.Result.GetProperty("changedPlaces").GetInt32());
    }

    [Fact]
    public async Task Traced_ByAnother_IsNoPermission_AndNamesTheTracer()
    {
        using var target = new RunningTarget("gdb", "-q", "-batch", "-ex", "run", "-ex", "quit", "--args", "sleep", "30");
        await Task.Delay(1500, TestContext.Current.CancellationToken);
        var tracee = Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(n => int.TryParse(n, out _))
            .FirstOrDefault(n => StatusLine(n!, "TracerPid") == $"{target.Pid}");
        Assert.NotNull(tracee);
        var run = await Kernopt.RunAsync("tune", "--pid", tracee, "--for", "1s");
        AssertOneLine(NoPermission, run);
        Assert.Contains($"{target.Pid}", run.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Journal_ThatCannotBeWritten_IsRefused_AndTheTargetRunsOn()
    {
        using var target = new RunningTarget(Scratch.Compile("hotfilter", "-O2"));
        var run = await Kernopt.RunAsync("list", "--pid", $"{target.Pid}", "--journal", "/proc/nowhere/journal.db");
        AssertOneLine(Refused, run);
        Assert.True(target.IsAlive);
    }

    private static string? StatusLine(string pid, string key)
    {
        try
        {
            return File.ReadLines($"/proc/{pid}/status").First(l => l.StartsWith(key + ":", StringComparison.Ordinal))[(key.Length + 1)..].Trim();
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static void AssertOneLine(int exit, Kernopt run)
    {
        Assert.True(run.ExitCode == exit, $"expected exit {exit}: {run}");
        var line = Assert.Single(run.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries), l => l.StartsWith("kernopt: ", StringComparison.Ordinal));
        Assert.Matches(@"^kernopt: KO\d{4} \w+", line);
        Assert.DoesNotContain("   at ", run.Errors, StringComparison.Ordinal);
    }
}
