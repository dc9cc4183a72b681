using Xunit;

namespace KernOpt.Tests.System;

/// <summary>kernopt probe on a live program.</summary>
public sealed class ProbeTests
{
    [Fact]
    public async Task Blocks_AreCounted_AndTheTextIsTheFilesAfterwards()
    {
        using var program = new HotFilter(isStripped: true);
        var rate = await program.MedianRateAsync(1);
        var hot = await Kernopt.RunAsync("hot", "--pid", program.Pid, "--for", "1s", "--json");
        var function = hot.Result.GetProperty("functions")[0].GetProperty("function").GetString()!;
        var probe = await Kernopt.RunAsync("probe", "--pid", program.Pid, "--at", $"{function}:blocks", "--for", "2s", "--json");
        Assert.True(probe.ExitCode == Expect.Done, $"{probe}");
        var rows = probe.Result.GetProperty("rows").EnumerateArray().ToList();
        // No block of the loop runs more often than there are samples in a call; twice that for the noise between two measurements.
        Assert.Contains(rows, r => r.GetProperty("count").GetInt64() > 0);
        Assert.All(rows, r => Assert.InRange(r.GetProperty("perSecond").GetDouble(), 0, rate * 256 * 2));
        Assert.Empty(TargetText.Differences(program.Target.Pid));
        Assert.False(TargetText.HasRegion(program.Target.Pid));
        Assert.Equal(0, program.WrongAnswers);
    }

    [Fact]
    public async Task BlocksOfAFunction_AreCountedOrDerived_AndAgreeWithTheProgramsOwnCount()
    {
        using var program = new HotFilter(isStripped: false);
        var rate = await program.MedianRateAsync(2);
        var blocks = await Kernopt.RunAsync("blocks", "--pid", program.Pid, "fold", "--for", "3s", "--json");
        Assert.True(blocks.ExitCode == Expect.Done, $"{blocks}");
        var rows = blocks.Result.GetProperty("blocks").EnumerateArray().ToList();
        // The machine may be twice as fast in one second as in the next, and the counters take a part.
        Assert.InRange(rows[0].GetProperty("count").GetInt64() / blocks.Result.GetProperty("seconds").GetDouble(), rate / 4, rate * 2);
        var taken = blocks.Result.GetProperty("edges").EnumerateArray().Where(e => e.GetProperty("from").GetInt32() == 0 && e.TryGetProperty("count", out _)).Sum(e => e.GetProperty("count").GetInt64());
        Assert.InRange(taken, rows[0].GetProperty("count").GetInt64() - 2, rows[0].GetProperty("count").GetInt64() + 2);
        Assert.Empty(TargetText.Differences(program.Target.Pid));
        Assert.Equal(0, program.WrongAnswers);
    }

    [Theory]
    [InlineData(300)]
    [InlineData(900)]
    [InlineData(1_800)]
    public async Task KilledProbe_LeavesARightProgram_ThatTheNextOneRestores(int around)
    {
        using var program = new HotFilter(isStripped: false);
        using (var probe = Kernopt.Start("probe", "--pid", program.Pid, "--at", "*:blocks", "--for", "60s", "--quiet"))
        {
            await Task.Delay(around + Random.Shared.Next(400), TestContext.Current.CancellationToken);
            probe.Kill();
            await probe.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        await program.MedianRateAsync(1);
        // The next probe takes out what the killed one left, and then its own.
        var next = await Kernopt.RunAsync("probe", "--pid", program.Pid, "--at", "fold:blocks", "--for", "1s", "--json");
        Assert.True(next.ExitCode == Expect.Done, $"{next}");
        Assert.Empty(TargetText.Differences(program.Target.Pid));
        Assert.Equal(0, program.WrongAnswers);
    }

    [Fact]
    public async Task AProgramThatEnds_IsCountedToItsEnd()
    {
        // Each of the four calls of the shell's own loop is one pass through the place.
        var probe = await Kernopt.RunAsync("probe", "--at", "write:entry", "--for", "20s", "--json", "--", "/bin/sh", "-c", "sleep 3; echo a; echo b; echo c; echo d");
        Assert.True(probe.ExitCode == Expect.Done, $"{probe}");
        var rows = probe.Result.GetProperty("rows").EnumerateArray().ToList();
        Assert.Equal(4, rows.Sum(r => r.GetProperty("count").GetInt64()));
        Assert.Contains("TargetEnded", probe.Result.GetProperty("notes")[0].GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Values_OfAMostlyConstantArgument_AreProfiled()
    {
        using var program = new HotFilter(isStripped: false);
        var probe = await Kernopt.RunAsync("probe", "--pid", program.Pid, "--at", "fold", "--do", "values(u32(arg2), u32(arg3))", "--when", "called_from(main)", "--for", "2s", "--json");
        Assert.True(probe.ExitCode == Expect.Done, $"{probe}");
        var row = probe.Result.GetProperty("rows")[0];
        var tables = row.GetProperty("values").EnumerateArray().ToList();
        Assert.Equal(2, tables.Count);
        foreach (var table in tables)
        {
            Assert.InRange(table.GetProperty("top")[0].GetProperty("share").GetDouble(), 0.97, 0.999);
            // The tables are read one after the other while the program runs.
            var total = table.GetProperty("other").GetInt64() + table.GetProperty("top").EnumerateArray().Sum(v => v.GetProperty("count").GetInt64());
            Assert.InRange((double)total / row.GetProperty("count").GetInt64(), 0.9, 1.1);
        }
        Assert.Empty(TargetText.Differences(program.Target.Pid));
        Assert.Equal(0, program.WrongAnswers);
    }

    [Fact]
    public async Task Predicates_LetThroughWhatTheySay()
    {
        using var program = new HotFilter(isStripped: false);
        var mode = await ValuesOf("edx", "every(1)");
        var others = await ValuesOf("edx", $"edx != {mode[0]} && tid == {program.Pid}");
        Assert.DoesNotContain(mode[0], others);
        Assert.True(mode.Count > 1 && others.Count > 1, $"{mode.Count}, {others.Count}");
        var none = await Kernopt.RunAsync("probe", "--pid", program.Pid, "--at", "fold", "--when", "tid == 1", "--for", "1s", "--json");
        Assert.Equal((Expect.Inconclusive, 0), (none.ExitCode, none.Result.GetProperty("rows")[0].GetProperty("count").GetInt64()));

        async Task<List<string>> ValuesOf(string value, string when)
        {
            var probe = await Kernopt.RunAsync("probe", "--pid", program.Pid, "--at", "fold", "--do", $"values({value})", "--when", when, "--for", "1s", "--json");
            Assert.True(probe.ExitCode == Expect.Done, $"{probe}");
            return [.. probe.Result.GetProperty("rows")[0].GetProperty("values")[0].GetProperty("top").EnumerateArray().Select(v => v.GetProperty("value").GetString()!)];
        }
    }

    [Fact]
    public async Task ATrace_IsInOrder_AndTimesAreThoseOfCalls()
    {
        using var program = new HotFilter(isStripped: false);
        var rate = await program.MedianRateAsync(2);
        var probe = await Kernopt.RunAsync("probe", "--pid", program.Pid, "--at", "fold", "--do", "trace(u32(arg2), caller, tid)", "--when", "every(100)", "--for", "2s", "--json");
        Assert.True(probe.ExitCode == Expect.Done, $"{probe}");
        var records = probe.Result.GetProperty("trace").GetProperty("records").EnumerateArray().ToList();
        var seconds = records.ConvertAll(r => r.GetProperty("seconds").GetDouble());
        Assert.Equal(seconds.Order(), seconds);
        Assert.InRange(seconds[^1], 0.5, 2.5);
        Assert.All(records, r => Assert.Equal(program.Pid, r.GetProperty("values")[2].GetString()));
        Assert.All(records, r => Assert.StartsWith("main+0x", r.GetProperty("values")[1].GetString(), StringComparison.Ordinal));

        var time = await Kernopt.RunAsync("probe", "--pid", program.Pid, "--at", "fold", "--do", "time", "--for", "2s", "--json");
        Assert.True(time.ExitCode == Expect.Done, $"{time}");
        var function = time.Result.GetProperty("times").GetProperty("functions")[0];
        // The program does little else; it may be half as fast beside kernopt, and twice as fast in one second as in the next.
        Assert.InRange(function.GetProperty("meanNanoseconds").GetDouble(), 0.2e9 / rate, 4e9 / rate);
        Assert.InRange(function.GetProperty("totalSeconds").GetDouble(), 0.2, 2.2);
        Assert.Empty(TargetText.Differences(program.Target.Pid));
        Assert.Equal(0, program.WrongAnswers);
    }

    /// <summary>One thread is in the one function that it always calls, or in none.</summary>
    [Fact]
    public async Task Concurrency_OfOneThread_IsAtMostOne()
    {
        using var program = new HotFilter(isStripped: false);
        var rate = await program.MedianRateAsync(2);
        var concurrency = await Kernopt.RunAsync("concurrency", "--pid", program.Pid, "fold", "--for", "2s", "--json");
        Assert.True(concurrency.ExitCode == Expect.Done, $"{concurrency}");
        var row = concurrency.Result.GetProperty("functions")[0];
        Assert.Equal(1, row.GetProperty("most").GetInt64());
        Assert.InRange(row.GetProperty("mean").GetDouble(), 0.2, 1);
        Assert.InRange(row.GetProperty("nanosecondsPerCall").GetDouble(), 0.2e9 / rate, 4e9 / rate);
        Assert.Equal(1, row.GetProperty("levels").EnumerateArray().Sum(l => l.GetProperty("share").GetDouble()), 6);
        Assert.Empty(TargetText.Differences(program.Target.Pid));
    }

    [Theory]
    [InlineData("count", "edx ==", "column 7")]
    [InlineData("count", "edx", "compare it")]
    [InlineData("values(arg9)", null, "column 8")]
    [InlineData("count(1)", null, "takes no values")]
    public async Task WhatCannotBeRead_IsAUsageError_AndNothingIsTouched(string action, string? when, string told)
    {
        using var program = new HotFilter(isStripped: false);
        string[] arguments = ["probe", "--pid", program.Pid, "--at", "fold", "--do", action, "--for", "1s"];
        var probe = await Kernopt.RunAsync(when is null ? arguments : [.. arguments, "--when", when]);
        Assert.True(probe.ExitCode == Expect.Usage, $"{probe}");
        Assert.Contains(told, probe.Errors, StringComparison.Ordinal);
        Assert.False(TargetText.HasRegion(program.Target.Pid));
    }

    [Fact]
    public async Task AReadThatIsNotProved_IsRefused()
    {
        using var program = new HotFilter(isStripped: false);
        var probe = await Kernopt.RunAsync("probe", "--pid", program.Pid, "--at", "fold", "--do", "values(u64[rax])", "--for", "1s");
        Assert.True(probe.ExitCode == Expect.Refused, $"{probe}");
        Assert.Contains("KO5502", probe.Errors, StringComparison.Ordinal);
        Assert.Empty(TargetText.Differences(program.Target.Pid));
    }

    [Theory]
    [InlineData("fold:middle")]
    [InlineData(":blocks")]
    [InlineData("fo?d")]
    [InlineData("fold+0x1")]
    [InlineData("no*such:entry")]
    public async Task APlaceThatIsNone_IsAUsageError_AndNothingIsTouched(string place)
    {
        using var program = new HotFilter(isStripped: false);
        var probe = await Kernopt.RunAsync("probe", "--pid", program.Pid, "--at", place, "--for", "1s");
        Assert.True(probe.ExitCode == Expect.Usage, $"{probe}");
        Assert.Contains("KO", probe.Errors, StringComparison.Ordinal);
        Assert.Empty(TargetText.Differences(program.Target.Pid));
        Assert.False(TargetText.HasRegion(program.Target.Pid));
    }
}
