using KernOpt.Cli.CommandLine;
using KernOpt.Target;
using KernOpt.Tests.Shared;
using Xunit;

namespace KernOpt.Tests.Cli;

/// <summary>What appsettings.json and the environment say where the command line says nothing.</summary>
public sealed class SettingsTests
{
    [Fact]
    public void ShippedFile_SaysNothing()
    {
        var settings = Settings.Read(Repository.Root).Value;

        Assert.Equal(new Settings(null, null), settings);
    }

    [Fact]
    public void NoFile_SaysNothing()
    {
        var folder = Directory.CreateDirectory(Path.Combine(Scratch.Folder, Guid.NewGuid().ToString())).FullName;

        var settings = Settings.Read(folder).Value;

        Assert.Null(settings.Policy);
    }

    [Fact]
    public void FileWithValues_SaysThem()
    {
        var folder = Directory.CreateDirectory(Path.Combine(Scratch.Folder, Guid.NewGuid().ToString())).FullName;
        File.WriteAllText(Path.Combine(folder, "appsettings.json"), "{ \"Policy\": \"conservative\", \"Journal\": \"/var/lib/kernopt.db\" }");

        Assert.Equal(new Settings("conservative", "/var/lib/kernopt.db"), Settings.Read(folder).Value);
    }

    [Theory]
    [InlineData("{ \"Policy\": ")]
    [InlineData("[]")]
    [InlineData("default")]
    [InlineData("{ \"policy\": \"measure-only\" }")]
    [InlineData("{ \"Policy\": 1 }")]
    public void SpoiledFile_IsRefused_AndNamed(string text)
    {
        var folder = Directory.CreateDirectory(Path.Combine(Scratch.Folder, Guid.NewGuid().ToString())).FullName;
        File.WriteAllText(Path.Combine(folder, "appsettings.json"), text);

        var refusal = Settings.Read(folder).Refusal;

        Assert.Equal(Reasons.SettingsUnreadable, refusal.Reason);
        Assert.StartsWith("appsettings.json: ", refusal.Detail, StringComparison.Ordinal);
    }
}
