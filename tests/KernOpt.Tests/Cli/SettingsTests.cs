using KernOpt.Cli.CommandLine;
using KernOpt.Target;
using KernOpt.Tests.Shared;
using Xunit;

namespace KernOpt.Tests.Cli;

/// <summary>What appsettings.json and the environment say where the command line says nothing.</summary>
public sealed class SettingsTests
{
    [Fact]
    public void ShippedFile_NamesTheDefaultPolicy_AndNoJournal()
    {
        var settings = Settings.Read(Repository.Root).Value;

        Assert.Equal("default", settings.Policy);
        Assert.Null(settings.Journal);
    }

    [Fact]
    public void NoFile_SaysNothing()
    {
        var folder = Directory.CreateTempSubdirectory("kernopt-settings-").FullName;

        var settings = Settings.Read(folder).Value;

        Assert.Null(settings.Policy);
    }

    [Theory]
    [InlineData("{ \"Policy\": ")]
    [InlineData("[]")]
    [InlineData("default")]
    public void SpoiledFile_IsRefused_AndNamed(string text)
    {
        var folder = Directory.CreateTempSubdirectory("kernopt-settings-").FullName;
        File.WriteAllText(Path.Combine(folder, "appsettings.json"), text);

        var refusal = Settings.Read(folder).Refusal;

        Assert.Equal(Reasons.SettingsUnreadable, refusal.Reason);
        Assert.Contains(folder, refusal.ToString(), StringComparison.Ordinal);
    }
}
