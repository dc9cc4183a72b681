using Xunit;

namespace KernOpt.Tests.System;

/// <summary>What the environment says where the command line says nothing.</summary>
public sealed class SettingsTests
{
    [Fact]
    public async Task PolicyOfTheEnvironment_IsTuneS_UnlessTheCommandLineNamesOne()
    {
        using var program = new HotFilter(isStripped: false);
        var environment = ("KERNOPT_POLICY", "measure-only");

        var usual = await Kernopt.RunAsync(environment, "tune", "--pid", program.Pid, "--for", "2s", "--json");
        var named = await Kernopt.RunAsync(environment, "tune", "--pid", program.Pid, "--for", "2s", "--policy", "conservative", "--json");

        Assert.Equal("measure-only", usual.Result.GetProperty("policy").GetString());
        Assert.Equal("conservative", named.Result.GetProperty("policy").GetString());
    }
}
