using System.Diagnostics;
using Xunit;

namespace KernOpt.Tests.System;

/// <summary>
/// kernopt in a live kernel: Debian's own, in an emulator of its own (tests/lab), with tests/lab/checks.py at work in the guest. The lab fails when the kernel's log tells of
/// trouble, whatever the checks say.
/// </summary>
public sealed class KernelTests
{
    private const int Passed = 0, KernelHadTrouble = 126;

    [Fact]
    public async Task Kernel_IsMeasured_Killed_AndRestored() => await CheckAsync("off",
        "nobody_may_open_it", "calls_are_counted_exactly", "blocks_are_counted_under_load", "killed_kernopt_leaves_all_right", "hostile_calls_change_nothing", "driver_goes_and_comes");

    [Fact]
    public async Task KernelWithAllMitigations_IsMeasured() => await CheckAsync("on", "nearly_all_functions_are_resolved", "calls_are_counted_exactly");

    /// <summary>The lab sees what it is there for.</summary>
    [Fact]
    public async Task Lab_SeesAKernelInTrouble()
    {
        var (exit, text) = await RunAsync("--", "sh", "-c", "echo c > /proc/sysrq-trigger");
        Assert.True(exit == KernelHadTrouble, text);
    }

    private static async Task CheckAsync(string mitigations, params string[] checks)
    {
        var folder = Directory.CreateDirectory(Path.Combine(Repository.Root, "tests/lab/bin")).FullName;
        foreach (var program in new[] { "fuzz", "calls" })
        {
            using var compiler = Process.Start("gcc", ["-O2", Path.Combine(Repository.Root, $"tests/lab/{program}.c"), "-o", Path.Combine(folder, program)]);
            await compiler.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal(0, compiler.ExitCode);
        }
        var (exit, text) = await RunAsync(["--kernopt", "--mitigations", mitigations, "--timeout", "1500", "--", "env", "FUZZ_CALLS=2000", "python3", "tests/lab/checks.py", "tests/lab/bin/fuzz", "tests/lab/bin/calls", .. checks]);
        Assert.True(exit == Passed, text);
        Assert.Equal(checks.Length, text.Split('\n').Count(l => l.StartsWith("ok ", StringComparison.Ordinal)));
    }

    private static async Task<(int Exit, string Text)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(Repository.Root, "tests/lab/run"), arguments) { WorkingDirectory = Repository.Root, RedirectStandardOutput = true, RedirectStandardError = true };
        using var lab = Process.Start(start)!;
        var (output, errors) = (lab.StandardOutput.ReadToEndAsync(), lab.StandardError.ReadToEndAsync());
        await lab.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (lab.ExitCode, $"{await output}\n{await errors}");
    }
}
