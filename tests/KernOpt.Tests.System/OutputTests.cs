using System.Text.Json;
using Xunit;

namespace KernOpt.Tests.System;

/// <summary>What scripts depend on: one document per command, silence when asked for, a launched command, complete help.</summary>
public sealed class OutputTests
{
    private static readonly (string Command, string[] Options)[] Commands =
    [
        ("demo", ["--json", "--quiet", "--journal"]), ("inspect", ["FUNC", "--pid", "--module", "--dot"]), ("hot", ["--pid", "--for", "--hertz", "--top", "--export"]),
        ("values", ["FUNC", "--pid", "--for", "--one-in"]), ("specialize", ["FUNC", "--pid", "--bind"]), ("outline", ["FUNC", "--pid", "--for"]),
        ("relocate", ["FUNC", "--pid", "--all", "--for"]), ("ab", ["ID", "--pid", "--for", "--window", "--a-a", "--svg"]), ("tune", ["--pid", "--policy", "--for"]),
        ("switch", ["--pid", "on", "off"]), ("list", ["--pid"]), ("revert", ["ID", "--pid", "--all"]), ("explain", ["ID", "--pid"]), ("policy check", ["FILE"]),
    ];

    [Fact]
    public async Task Help_OfEachCommand_NamesAllItsOptions()
    {
        foreach (var (command, options) in Commands)
        {
            var help = await Kernopt.RunAsync([.. command.Split(' '), "--help"]);
            Assert.Equal(Expect.Done, help.ExitCode);
            Assert.All(options.Concat(["--json", "--quiet", "--journal"]), option => Assert.Contains(option, help.Output, StringComparison.Ordinal));
            if (options.Contains("--pid")) Assert.Contains("-- COMMAND", help.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task EachCommand_AnswersOneDocument_AndQuietIsSilent()
    {
        using var program = new HotFilter(isStripped: false);
        var pid = program.Pid;
        await DocumentAsync("inspect", "inspect", "--pid", pid);
        await DocumentAsync("inspect-function", "inspect", "--pid", pid, "fold");
        await DocumentAsync("hot", "hot", "--pid", pid, "--for", "1s");
        await DocumentAsync("values", "values", "--pid", pid, "fold", "--for", "1s");
        await DocumentAsync("version", "specialize", "--pid", pid, "fold", "--bind", "rdx=2");
        await DocumentAsync("version", "outline", "--pid", pid, "fold", "--for", "1s");
        var relocated = await DocumentAsync("relocate", "relocate", "--pid", pid, "fold");
        await DocumentAsync("ab", "ab", "--pid", pid, $"{relocated.GetProperty("installed")[0].GetProperty("id")}", "--for", "5s");
        await DocumentAsync("list", "list", "--pid", pid);
        await DocumentAsync("list", "switch", "--pid", pid, "off");
        await DocumentAsync("explain", "explain", "--pid", pid);
        await DocumentAsync("revert", "revert", "--pid", pid, "--all");
        await DocumentAsync("tune", "tune", "--pid", pid, "--policy", "measure-only", "--for", "2s");
        await DocumentAsync("policy-check", "policy", "check", Path.Combine(Repository.Root, "policies/default.yaml"));
        await Expect.UntouchedAsync(program.Target);
    }

    [Fact]
    public async Task HotProfile_IsWrittenForOtherTools()
    {
        using var program = new HotFilter(isStripped: false);
        var (folded, scope) = (Path.Combine(Scratch.Folder, "hot.folded"), Path.Combine(Scratch.Folder, "hot.json"));
        Assert.Equal(Expect.Done, (await Kernopt.RunAsync("hot", "--pid", program.Pid, "--for", "1s", "--export", folded)).ExitCode);
        Assert.Matches(@"(?m)^hotfilter\S*;fold \d+$", await File.ReadAllTextAsync(folded, TestContext.Current.CancellationToken));
        Assert.Equal(Expect.Done, (await Kernopt.RunAsync("hot", "--pid", program.Pid, "--for", "1s", "--export", scope)).ExitCode);
        using var document = JsonDocument.Parse(await File.ReadAllTextAsync(scope, TestContext.Current.CancellationToken));
        Assert.Contains("speedscope", document.RootElement.GetProperty("$schema").GetString(), StringComparison.Ordinal);
        Expect.OneLine(Expect.Refused, await Kernopt.RunAsync("hot", "--pid", program.Pid, "--for", "1s", "--export", "/proc/nowhere/hot.json"));
    }

    [Fact]
    public async Task LaunchedCommand_IsTheTarget_AndDoesNotPrintIntoTheDocument()
    {
        var run = await DocumentAsync("hot", "hot", "--for", "2s", "--", Scratch.Compile("hotfilter", "-O2"), "3", "77");
        Assert.Contains("fold", run.GetProperty("functions")[0].GetProperty("function").GetString(), StringComparison.Ordinal);
        var target = run.GetProperty("target").GetString()!;
        var pid = target[(target.IndexOf("pid ", StringComparison.Ordinal) + 4)..^1];
        Assert.Equal(0, (await Tool.RunAsync("kill", pid)).ExitCode);
        Expect.OneLine(Expect.Refused, await Kernopt.RunAsync("hot", "--", "/no/such/program"));
    }

    [Fact]
    public async Task RevertOfOneVersion_AnswersForThatOne()
    {
        using var program = new HotFilter(isStripped: false);
        var first = await DocumentAsync("version", "specialize", "--pid", program.Pid, "fold", "--bind", "rdx=2");
        var second = await DocumentAsync("relocate", "relocate", "--pid", program.Pid, "fold");
        var revert = await Kernopt.RunAsync("revert", "--pid", program.Pid, $"{first.GetProperty("id")}", "--json");
        Assert.True(revert.ExitCode == (revert.Result.GetProperty("isComplete").GetBoolean() ? Expect.Done : Expect.Inconclusive), $"{revert}");
        Assert.False(revert.Result.GetProperty("textIsOriginal").GetBoolean(), $"{revert}");
        Assert.Equal(1, second.GetProperty("installed").GetArrayLength());
        await Expect.RevertedAsync(program.Target.Pid);
    }

    [Fact]
    public async Task NarrowTerminal_ShowsEveryColumn_AndAFullDiskIsOneLine()
    {
        using var program = new HotFilter(isStripped: false);
        await DocumentAsync("version", "specialize", "--pid", program.Pid, "fold", "--bind", "rdx=2");
        var (_, shown) = await Tool.RunAsync("script", "-qec", $"stty cols 80; {Repository.Root}/kernopt list --pid {program.Pid}", "/dev/null");
        Assert.All(["rdx=2", "guard misses", "since"], word => Assert.Contains(word, shown, StringComparison.Ordinal));
        var (exit, output) = await Tool.RunAsync("bash", "-c", $"{Repository.Root}/kernopt list --pid {program.Pid} > /dev/full");
        Expect.OneLine(Expect.Refused, new Kernopt(exit, "", output));
        await Expect.RevertedAsync(program.Target.Pid);
    }

    [Fact]
    public async Task Dot_IsAGraphThatGraphvizReads()
    {
        using var program = new HotFilter(isStripped: false);
        var run = await Kernopt.RunAsync("inspect", "--pid", program.Pid, "fold", "--dot");
        Assert.Equal(Expect.Done, run.ExitCode);
        var file = Path.Combine(Scratch.Folder, "fold.dot");
        await File.WriteAllTextAsync(file, run.Output, TestContext.Current.CancellationToken);
        Assert.Equal(0, (await Tool.RunAsync("dot", "-Tsvg", "-o", "/dev/null", file)).ExitCode);
    }

    /// <summary>Runs with --json --quiet: one document with its schema's name on stdout; on stderr nothing but what a launched command prints.</summary>
    private static async Task<JsonElement> DocumentAsync(string schema, params string[] arguments)
    {
        var run = await Kernopt.RunAsync([arguments[0], "--json", "--quiet", .. arguments[1..]]);
        Assert.True(run.ExitCode is Expect.Done or Expect.Inconclusive or Expect.Regression, $"{run}");
        using var document = JsonDocument.Parse(run.Output);
        Assert.Equal($"kernopt.{schema}/1", document.RootElement.GetProperty("schema").GetString());
        if (!arguments.Contains("--")) Assert.Equal("", run.Errors);
        return document.RootElement.GetProperty("result").Clone();
    }
}
