using Xunit;

namespace KernOpt.Tests.System;

/// <summary>A journal that cannot be written is refused before anything is touched.</summary>
public sealed class BadJournalTests
{
    [Fact]
    public async Task Folder_ThatCannotBe_IsRefused()
    {
        using var program = new HotFilter(isStripped: false);
        Expect.OneLine(Expect.Refused, await Kernopt.RunAsync("relocate", "--pid", program.Pid, "fold", "--journal", "/proc/nowhere/journal.db"));
        await Expect.UntouchedAsync(program.Target);
    }

    [Fact]
    public async Task Revert_DoesNotWaitForTheDefaultJournal_ButForOneThatWasNamed()
    {
        using var program = new HotFilter(isStripped: false);
        Assert.Equal(Expect.Done, (await Kernopt.RunAsync("relocate", "--pid", program.Pid, "fold")).ExitCode);
        Expect.OneLine(Expect.Refused, await Kernopt.RunAsync("revert", "--pid", program.Pid, "--all", "--journal", "/proc/nowhere/journal.db"));
        var (exit, output) = await Tool.RunAsync("env", "XDG_STATE_HOME=/proc/nowhere", $"{Repository.Root}/kernopt", "revert", "--pid", program.Pid, "--all", "--quiet");
        Assert.True(exit == Expect.Done, output);
        Assert.Contains("KO7101", output, StringComparison.Ordinal);
        await Expect.UntouchedAsync(program.Target);
    }

    [Theory]
    [InlineData("-u", "HOME")]
    [InlineData("HOME=/nonexistent")]
    public async Task NoHome_IsRefused_AndRevertGoesOn(params string[] environment)
    {
        using var program = new HotFilter(isStripped: false);
        // The first run may build, which needs a home.
        Assert.Equal(Expect.Done, (await Kernopt.RunAsync("list", "--pid", program.Pid)).ExitCode);
        string[] without = ["-u", "XDG_STATE_HOME", .. environment, $"{Repository.Root}/kernopt"];
        var (exit, output) = await Tool.RunAsync("env", [.. without, "relocate", "--pid", program.Pid, "fold", "--quiet"]);
        Expect.OneLine(Expect.Refused, new Kernopt(exit, "", output));
        Assert.Contains("--journal FILE", output, StringComparison.Ordinal);
        (exit, output) = await Tool.RunAsync("env", [.. without, "revert", "--pid", program.Pid, "--all", "--quiet"]);
        Assert.True(exit == Expect.Done, output);
        await Expect.UntouchedAsync(program.Target);
    }

    [Theory]
    [InlineData("ro,size=1m", "KO7101")]
    [InlineData("size=4k", "KO7102")]
    public async Task Disk_ThatIsFullOrReadOnly_IsRefused(string mount, string reason)
    {
        using var program = new HotFilter(isStripped: false);
        var folder = Directory.CreateDirectory(Path.Combine(Scratch.Folder, "disk")).FullName;
        // A mount that only this one kernopt sees, and that goes with it.
        string[] apart = Environment.IsPrivilegedProcess ? ["-m"] : ["-Urm"];
        var script = $"mount -t tmpfs -o {mount} none {folder} && exec {Repository.Root}/kernopt relocate --pid {program.Pid} fold --quiet --journal {folder}/journal.db";
        var (exit, output) = await Tool.RunAsync("unshare", [.. apart, "bash", "-c", script]);
        Assert.SkipWhen(output.Contains("unshare failed", StringComparison.Ordinal), "no mount of one's own is possible here");
        Expect.OneLine(Expect.Refused, new Kernopt(exit, "", output));
        Assert.Contains(reason, output, StringComparison.Ordinal);
        await Expect.UntouchedAsync(program.Target);
    }

    [Fact]
    public async Task File_ThatIsNoJournal_IsRefused_AndKept()
    {
        using var program = new HotFilter(isStripped: false);
        var file = Path.Combine(Scratch.Folder, "letter.db");
        var letter = new string('x', 5_000);
        await File.WriteAllTextAsync(file, letter, TestContext.Current.CancellationToken);
        Expect.OneLine(Expect.Refused, await Kernopt.RunAsync("relocate", "--pid", program.Pid, "fold", "--journal", file));
        Assert.Equal(letter, await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
        await Expect.UntouchedAsync(program.Target);
    }
}
