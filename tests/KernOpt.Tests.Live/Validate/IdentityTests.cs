using KernOpt.Validate;
using Xunit;

namespace KernOpt.Tests.Live.Validate;

/// <summary>A copy that was only moved must be found equal, on every kind of function; else the validator refuses what is right.</summary>
public sealed class IdentityTests(LoadedSubjects subjects, ITestOutputHelper output) : IClassFixture<LoadedSubjects>
{
    [Theory]
    [InlineData("constant_and_branch")]
    [InlineData("stores")]
    [InlineData("calls_out")]
    [InlineData("sums")]
    [InlineData("sevenfold")]
    [InlineData("recursive")]
    [InlineData("floating")]
    [InlineData("keeps_locals")]
    [InlineData("passes_buffer")]
    [InlineData("makes_call")]
    public void A_moved_copy_is_found_equal(string name)
    {
        // All runs, however long a slow machine takes for them.
        var request = subjects.Copy(name) with { Limits = new ValidationLimits { Time = TimeSpan.FromMinutes(2) } };
        var report = VersionValidator.Validate(request);
        Assert.True(report.IsDone, report.ToString());
        output.WriteLine($"{report.Value.RunsPerSecond:0} runs/s, {report.Value.Runs}, {report.Value.Coverage}");
        Assert.Equal(request.Limits.Runs, report.Value.Runs.Total);
        // What lies before the site was copied with the rest, but is run in the original.
        Assert.All(report.Value.Coverage.VersionNotReached, missed => Assert.True(missed < request.Version.Entry));
    }
}
