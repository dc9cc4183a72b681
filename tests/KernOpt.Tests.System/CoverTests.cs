using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Xunit;

namespace KernOpt.Tests.System;

/// <summary>kernopt cover, its lines held against gcov's; and kernopt blocks, its counts against what the program was told to do.</summary>
public sealed partial class CoverTests
{
    private static readonly string[] Requests = ["classify 50", "fib 6", "guard 0", "three 1"];
    // Jump tables of code that is not optimized are not resolved.
    private static readonly string[] Flags = ["-g", "-O0", "-fno-jump-tables"];
    private static readonly string Source = Path.Combine(Repository.Root, "tests/Targets/covered.c");

    [Fact]
    public async Task LinesThatAreRun_AreGcovs_AndMarksAreOutAfterwards()
    {
        using var program = Conversation.Start(Scratch.Compile("covered", Flags));
        Assert.Equal("ready", await program.ReadAsync());
        var (lcov, cobertura) = (Path.Combine(Scratch.Folder, "covered.info"), Path.Combine(Scratch.Folder, "covered.xml"));
        using var cover = Kernopt.Start("cover", "--pid", program.Pid, "--calls", "--for", "30s", "--lcov", lcov, "--cobertura", cobertura, "--json", "--quiet");
        await program.WaitForChangesAsync();
        var answers = new List<string>();
        foreach (var request in Requests) answers.Add(await program.AskAsync(request));
        // A mark that was passed goes out by itself, while the others wait.
        await Task.Delay(2000, TestContext.Current.CancellationToken);
        var retired = TargetText.Differences(program.Process.Id);
        var output = await cover.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await cover.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(cover.ExitCode == Expect.Done, output + await cover.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        Assert.NotEmpty(retired);
        Assert.Empty(TargetText.Differences(program.Process.Id));
        Assert.False(TargetText.HasRegion(program.Process.Id));

        var (theirs, expected) = await GcovAsync();
        Assert.Equal(expected, answers);
        var ours = Lcov(await File.ReadAllLinesAsync(lcov, TestContext.Current.CancellationToken));
        var source = await File.ReadAllLinesAsync(Source, TestContext.Current.CancellationToken);
        // A function begins at its name for gcov, and at its brace for the table; and it ends at a line of its own there. A label has no code of its own, and is a line for gcov.
        var work = Enumerable.Range(Array.IndexOf(source, "// begin") + 1, Array.IndexOf(source, "// end") - Array.IndexOf(source, "// begin")).Where(l => source[l - 1] is not ("{" or "}") && !source[l - 1].EndsWith(':') && !source[l - 1].StartsWith("static ", StringComparison.Ordinal)).ToHashSet();
        Assert.Equal(theirs.Where(l => work.Contains(l.Key)), ours.Where(l => work.Contains(l.Key)).OrderBy(l => l.Key));
        Assert.Contains(ours, l => !l.Value && work.Contains(l.Key));
        var lines = XDocument.Load(cobertura).Descendants("line").ToDictionary(l => int.Parse(l.Attribute("number")!.Value, CultureInfo.InvariantCulture), l => l.Attribute("hits")!.Value == "1");
        Assert.Equal(ours, lines);
        Assert.Contains("FNDA:0,never", await File.ReadAllTextAsync(lcov, TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    /// <summary>A stripped program, and its library by name: lines are blocks of a listing.</summary>
    [Fact]
    public async Task AProgramThatDoesNotTellItsSources_IsListed_AndItsAnswersStayRight()
    {
        using var program = Conversation.Start("stdbuf", "-oL", "sqlite3", "-batch", ":memory:");
        await program.AskAsync("select 1;");
        var lcov = Path.Combine(Scratch.Folder, "sqlite.info");
        using var cover = Kernopt.Start("cover", "--pid", program.Pid, "--for", "25s", "--lcov", lcov, "--json", "--quiet");
        await program.WaitForChangesAsync();
        Assert.Equal("5050|100", await program.AskAsync("with recursive k(x) as (select 1 union all select x + 1 from k where x < 100) select sum(x), count(*) from k;"));
        var output = await cover.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await cover.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(cover.ExitCode == Expect.Done, output);
        Assert.Equal("6", await program.AskAsync("select 1 + 5;"));
        var listing = await File.ReadAllLinesAsync($"{lcov}.sqlite3.blocks", TestContext.Current.CancellationToken);
        var lines = Lcov(await File.ReadAllLinesAsync(lcov, TestContext.Current.CancellationToken));
        Assert.InRange(lines.Count(l => l.Value), 20, lines.Count - 20);
        Assert.All(lines.Keys, l => Assert.InRange(l, 1, listing.Length));
        Assert.Empty(TargetText.Differences(program.Process.Id));
    }

    /// <summary>setjmp comes back more often than it is called, and what longjmps does not come back: neither is hidden behind a sum.</summary>
    [Fact]
    public async Task BlocksWithCallsThatDoNotComeBack_AreCountedOnBothSides()
    {
        using var program = Conversation.Start(Scratch.Compile("covered", Flags));
        Assert.Equal("ready", await program.ReadAsync());
        var running = Kernopt.RunAsync("blocks", "--pid", program.Pid, "guarded", "--for", "3s", "--json", "--quiet");
        var (failed, returned) = (0L, 0L);
        while (!running.IsCompleted)
        {
            for (var i = 0; i < 5; i++, failed++) Assert.Equal("done 300", await program.AskAsync("guard 0"));
            for (var i = 0; i < 3; i++, returned++) Assert.Equal("done 3", await program.AskAsync("guard 2"));
        }
        var run = await running;
        Assert.True(run.ExitCode == Expect.Done, $"{run}");
        var rows = run.Result.GetProperty("blocks").EnumerateArray().Where(r => r.TryGetProperty("count", out _) && r.TryGetProperty("leaving", out _)).Select(r => (Count: r.GetProperty("count").GetInt64(), Leaving: r.GetProperty("leaving").GetInt64())).ToList();
        // One thread: of each count one passage may be under way when it is read.
        var (calls, back) = rows[0];
        Assert.InRange(calls, 100, failed + returned);
        Assert.InRange((double)(back - calls) / calls, 0.6, 0.65);
        Assert.Contains(rows, r => Math.Abs(r.Count - calls) <= 1 && Math.Abs(r.Leaving - (calls - (back - calls))) <= 2);
        var edges = run.Result.GetProperty("edges").EnumerateArray().Where(e => e.GetProperty("from").GetInt32() == 0).Select(e => e.GetProperty("count").GetInt64()).Order().ToList();
        Assert.InRange(edges[0] - (back - calls), -2, 2);
        Assert.InRange(edges[1] - calls, -2, 2);
        Assert.All(run.Result.GetProperty("edges").EnumerateArray(), e => Assert.Equal("derived", e.GetProperty("source").GetString()));
        Assert.Empty(TargetText.Differences(program.Process.Id));
    }

    private static Dictionary<int, bool> Lcov(IEnumerable<string> lines) => lines.Where(l => l.StartsWith("DA:", StringComparison.Ordinal)).Select(l => l[3..].Split(','))
        .ToDictionary(f => int.Parse(f[0], CultureInfo.InvariantCulture), f => f[1] != "0");

    /// <summary>The same requests to a program that counts by itself: which lines were run, in order, and what it answers.</summary>
    private static async Task<(List<KeyValuePair<int, bool>> Lines, List<string> Answers)> GcovAsync()
    {
        var folder = Directory.CreateDirectory(Path.Combine(Scratch.Folder, "gcov")).FullName;
        await Tool.RunAsync("gcc", [.. Flags, "--coverage", Source, "-o", Path.Combine(folder, "covered")]);
        var answers = new List<string>();
        using (var program = Conversation.Start(Path.Combine(folder, "covered")))
        {
            await program.ReadAsync();
            foreach (var request in Requests) answers.Add(await program.AskAsync(request));
            await program.EndAsync();
        }
        var (_, text) = await Tool.RunAsync("gcov", "-t", Path.Combine(folder, "covered.gcda"));
        var lines = GcovLine().Matches(text).Select(m => new KeyValuePair<int, bool>(int.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture), char.IsAsciiDigit(m.Groups[1].Value[0])));
        return ([.. lines.OrderBy(l => l.Key)], answers);
    }

    [GeneratedRegex(@"^ *(\d+\*?|#####|=====): *(\d+):", RegexOptions.Multiline)]
    private static partial Regex GcovLine();

    /// <summary>A program that answers each line of input by a line.</summary>
    private sealed class Conversation : IDisposable
    {
        private Conversation(Process process) => Process = process;

        public Process Process { get; }
        public string Pid => $"{Process.Id}";

        public static Conversation Start(string program, params string[] arguments) =>
            new(Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })!);

        public async Task<string> ReadAsync() => await Process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("it ended");

        public async Task<string> AskAsync(string line)
        {
            await Process.StandardInput.WriteLineAsync(line);
            await Process.StandardInput.FlushAsync();
            return await ReadAsync();
        }

        /// <summary>Until the same places have been changed for a while.</summary>
        public async Task WaitForChangesAsync()
        {
            var (last, since) = ("", Stopwatch.StartNew());
            for (var clock = Stopwatch.StartNew(); clock.Elapsed < TimeSpan.FromSeconds(120); await Task.Delay(200))
            {
                var now = TargetText.Bytes(Process.Id);
                if (now != last) (last, since) = (now, Stopwatch.StartNew());
                if (TargetText.Differences(Process.Id).Count > 0 && since.Elapsed > TimeSpan.FromSeconds(4)) return;
            }
            throw new TimeoutException("nothing was changed");
        }

        public async Task EndAsync()
        {
            Process.StandardInput.Close();
            await Process.WaitForExitAsync();
        }

        public void Dispose()
        {
            if (!Process.HasExited) Process.Kill();
            Process.WaitForExit();
            Process.Dispose();
        }
    }
}
