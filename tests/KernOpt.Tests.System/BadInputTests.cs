using Xunit;

namespace KernOpt.Tests.System;

/// <summary>Bad words on the command line get one clear line on stderr, the right exit code, and leave the target untouched.</summary>
public sealed class BadInputTests
{
    [Theory]
    [InlineData(Expect.Usage, "tune", "--policy", "/nonexistent.yaml")]
    [InlineData(Expect.Usage, "specialize", "main", "--bind", "xyz=1")]
    [InlineData(Expect.Refused, "ab", "1", "--for", "1ms")]
    [InlineData(Expect.Refused, "hot", "--export", "/nonexistent/file")]
    public async Task OptionsThatAreNoGood_LaunchNothing(int exit, params string[] arguments)
    {
        var trace = Path.Combine(Scratch.Folder, Guid.NewGuid().ToString());

        Expect.OneLine(exit, await Kernopt.RunAsync([.. arguments, "--", "/usr/bin/touch", trace]));

        await Task.Delay(200, TestContext.Current.CancellationToken);
        Assert.False(File.Exists(trace));
    }

    [Theory]
    [InlineData("hot", "--pid", "notanumber")]
    [InlineData("hot")]
    [InlineData("nonsense")]
    [InlineData("hot", "--pid", "1", "--for", "5parsecs")]
    [InlineData("hot", "--pid", "1", "--", "true")]
    [InlineData("hot", "--pid", "1", "--top", "0")]
    [InlineData("ab", "abc", "--pid", "1")]
    [InlineData("switch", "maybe", "--pid", "1")]
    [InlineData("policy", "check", "/nonexistent.yaml")]
    [InlineData("specialize", "--pid", "1", "f")]
    [InlineData("hot", "--pid", "999999999")]
    public async Task Usage_IsOneLine_AndExits64(params string[] arguments) => Expect.OneLine(Expect.Usage, await Kernopt.RunAsync(arguments));

    [Theory]
    [InlineData("tune?", "tunne")]
    [InlineData("check?", "policy", "chek", "x")]
    [InlineData("'--frob'", "hot", "--pid", "1", "--frob")]
    public async Task WrongWord_IsNamed_AndTheNearestSuggested(string told, params string[] arguments)
    {
        var run = await Kernopt.RunAsync(arguments);
        Expect.OneLine(Expect.Usage, run);
        Assert.Contains(told, run.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OneNameOfSeveral_ThatDoesNotExist_IsFoundBeforeAnythingIsDone()
    {
        using var program = new HotFilter(isStripped: false);
        Expect.OneLine(Expect.Usage, await Kernopt.RunAsync("relocate", "--pid", program.Pid, "fold", "nosuch"));
        Expect.OneLine(Expect.Usage, await Kernopt.RunAsync("inspect", "--pid", program.Pid, "fold", "--dot", "--json"));
        Expect.OneLine(Expect.Usage, await Kernopt.RunAsync("explain", "--pid", program.Pid, "999"));
        await Expect.UntouchedAsync(program.Target);
    }

    [Fact]
    public async Task Function_ThatCannotBeChanged_IsNamed_AndNothingIsTouched()
    {
        using var target = new RunningTarget(Scratch.Compile("awkward", "-O2", Path.Combine(Repository.Root, "tests/Targets/twin.c")));
        await target.WaitForLineAsync(l => l == "ready", TimeSpan.FromSeconds(10));
        (string Function, int Exit)[] cases =
        [
            ("no_such_function", Expect.Usage), ("awkward!no_such_function", Expect.Usage), ("no_such_module!main", Expect.Usage), ("awkward+0x1", Expect.Usage), ("twin", Expect.Usage),
            ("tiny", Expect.Refused), ("wild", Expect.Refused),
        ];
        foreach (var (function, exit) in cases)
        {
            var run = await Kernopt.RunAsync("relocate", "--pid", $"{target.Pid}", function);
            Expect.OneLine(exit, run);
        }
        await Expect.UntouchedAsync(target);
    }

    [Theory]
    [InlineData("r15=3")]
    [InlineData("rdi")]
    [InlineData("rdi=many")]
    [InlineData("xmm0=1")]
    [InlineData("r9=1")]
    public async Task Binding_ThatIsNoArgument_IsUsage(string binding)
    {
        using var program = new HotFilter(isStripped: false);
        Expect.OneLine(Expect.Usage, await Kernopt.RunAsync("specialize", "--pid", program.Pid, "fold", "--bind", binding));
        await Expect.UntouchedAsync(program.Target);
    }

    [Theory]
    [InlineData("thresholds:\n  constancyy: 90%\n", 3)]
    [InlineData("thresholds:\n  constancy: [1]\n", 3)]
    [InlineData("comparison:\n  window: 5parsecs\n", 3)]
    [InlineData("thresholds:\n  minimumShare: 300%\n", 3)]
    public async Task Policy_ErrorIsNamedByLineAndColumn(string text, int line)
    {
        var file = Path.Combine(Scratch.Folder, "bad.yaml");
        await File.WriteAllTextAsync(file, "version: 1\n" + text, TestContext.Current.CancellationToken);
        var check = await Kernopt.RunAsync("policy", "check", file);
        Expect.OneLine(Expect.Usage, check);
        Assert.Matches($@"bad\.yaml\D{{1,7}}{line}\D{{1,9}}\d+", check.Errors);
        using var program = new HotFilter(isStripped: false);
        Expect.OneLine(Expect.Usage, await Kernopt.RunAsync("tune", "--pid", program.Pid, "--policy", file, "--for", "1s"));
        await Expect.UntouchedAsync(program.Target);
    }
}
