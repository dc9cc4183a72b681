using System.Diagnostics;
using Xunit;

namespace KernOpt.Tests.System;

/// <summary>kernopt probe --do break: a thread that waits, and who lets it go on.</summary>
public sealed class BreakTests
{
    /// <summary>The thread waits for longer than it would by itself, kernopt keeps its time meanwhile, and each Enter lets one go.</summary>
    [Fact]
    public async Task WithoutACommand_AThreadWaitsForEnter_AndTheTimeIsKept()
    {
        using var program = new HotFilter(isStripped: false);
        await program.MedianRateAsync(1);
        using var probe = Kernopt.Start("probe", "--pid", program.Pid, "--at", "fold", "--do", "break", "--for", "6s", "--json", "--quiet");
        var output = probe.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.Contains("Enter", await LineAsync(probe), StringComparison.Ordinal);
        // By itself it would go on after a second.
        await Task.Delay(500, TestContext.Current.CancellationToken);
        var lines = program.Target.Lines.Count;
        await Task.Delay(2_000, TestContext.Current.CancellationToken);
        Assert.Equal(lines, program.Target.Lines.Count);
        await probe.StandardInput.WriteLineAsync();
        await probe.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
        // The next call waits, too, and nobody presses Enter.
        Assert.Contains("Enter", await LineAsync(probe), StringComparison.Ordinal);
        await probe.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(15), TestContext.Current.CancellationToken);
        Assert.Equal(Expect.Done, probe.ExitCode);
        using var document = global::System.Text.Json.JsonDocument.Parse(await output);
        Assert.Equal(2, document.RootElement.GetProperty("result").GetProperty("rows")[0].GetProperty("count").GetInt64());
        Assert.Empty(TargetText.Differences(program.Target.Pid));
        await program.MedianRateAsync(1);
        Assert.Equal(0, program.WrongAnswers);
    }

    /// <summary>The first Ctrl-C ends it: nothing waits for a line that never comes.</summary>
    [Fact]
    public async Task CtrlC_WhileAThreadWaitsForEnter_TakesTheProbesOut()
    {
        using var program = new HotFilter(isStripped: false);
        await program.MedianRateAsync(1);
        using var probe = Kernopt.Start("probe", "--pid", program.Pid, "--at", "fold", "--do", "break", "--for", "60s", "--quiet");
        Assert.Contains("Enter", await LineAsync(probe), StringComparison.Ordinal);
        await Tool.RunAsync("kill", "-INT", $"{probe.Id}");
        await probe.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        Assert.Empty(TargetText.Differences(program.Target.Pid));
        await program.MedianRateAsync(1);
    }

    [Fact]
    public async Task WithoutACommand_WhereInputIsAtItsEnd_ItIsRefused()
    {
        using var program = new HotFilter(isStripped: false);
        var clock = Stopwatch.StartNew();
        using var probe = Kernopt.Start("probe", "--pid", program.Pid, "--at", "fold", "--do", "break", "--for", "60s");
        probe.StandardInput.Close();
        var errors = await probe.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await probe.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(Expect.Usage, probe.ExitCode);
        Assert.Contains("KO8001", errors, StringComparison.Ordinal);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(40));
        await Expect.UntouchedAsync(program.Target);
    }

    /// <summary>With --json the document is alone on standard output; the command knows which process and thread it is about.</summary>
    [Fact]
    public async Task ACommandsOutput_IsNotInTheDocument()
    {
        using var program = new HotFilter(isStripped: false);
        await program.MedianRateAsync(1);
        var probe = await Kernopt.RunAsync("probe", "--pid", program.Pid, "--at", "fold", "--do", "break", "--run", "echo \"at $KERNOPT_PID $KERNOPT_TID $KERNOPT_PLACE\"", "--for", "2s", "--json");
        Assert.True(probe.ExitCode == Expect.Done, $"{probe}");
        Assert.StartsWith("{", probe.Output, StringComparison.Ordinal);
        Assert.True(probe.Result.GetProperty("rows")[0].GetProperty("count").GetInt64() > 0);
        Assert.Contains($"at {program.Pid} {program.Pid} fold+0x", probe.Errors, StringComparison.Ordinal);
    }

    /// <summary>Nothing that is said is ignored.</summary>
    [Theory]
    [InlineData("--run", "true")]
    [InlineData("--set", "x=fold")]
    [InlineData("--set", "x=no_such_function")]
    [InlineData("--clear", "x")]
    [InlineData("--when", "flag(y)", "--set", "y=fold", "--clear", "x=fold")]
    public async Task WhatHasNoMeaning_IsAUsageError(params string[] options)
    {
        using var program = new HotFilter(isStripped: false);
        Expect.OneLine(Expect.Usage, await Kernopt.RunAsync(["probe", "--pid", program.Pid, "--at", "fold", "--for", "1s", .. options]));
        await Expect.UntouchedAsync(program.Target);
    }

    private static async Task<string> LineAsync(Process probe)
    {
        // The first run publishes the program.
        using var late = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while (await probe.StandardError.ReadLineAsync(late.Token) is { } line)
        {
            if (line.Contains("waits", StringComparison.Ordinal)) return line;
        }
        return "";
    }
}
