using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace KernOpt.Tests.System;

/// <summary>kernopt probe --do stack.</summary>
public sealed class StackTests
{
    private const int MostGdbMisses = 3;

    /// <summary>Redis works on commands; gdb stops it once at the same instruction, and reads the same return addresses. The most frequent stack is one that gdb sees within a few stops.</summary>
    [Fact]
    public async Task StacksOfRedis_AreThoseOfGdb()
    {
        using var redis = await RedisServer.StartAsync();
        using var load = Process.Start(new ProcessStartInfo("redis-benchmark", ["-p", $"{redis.Port}", "-t", "ping_mbulk", "-n", "100000000", "-c", "4", "-q"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (folded, flame) = (Path.Combine(Scratch.Folder, "redis.folded"), Path.Combine(Scratch.Folder, "redis.svg"));
        try
        {
            var probe = await Kernopt.RunAsync("probe", "--pid", $"{redis.Pid}", "--at", "processCommand", "--do", "stack", "--for", "3s", "--json", "--folded", folded, "--flame", flame);
            Assert.True(probe.ExitCode == Expect.Done, $"{probe}");
            Assert.Equal("rate(1000)", probe.Result.GetProperty("when").GetString());
            var report = probe.Result.GetProperty("stacks");
            var stacks = report.GetProperty("stacks").EnumerateArray().ToList();
            Assert.InRange(report.GetProperty("total").GetInt64(), 10, 4_000);
            Assert.Equal(report.GetProperty("total").GetInt64(), stacks.Sum(s => s.GetProperty("count").GetInt64()));
            // The first copies tell whose stack it is; from then on all go to the beginning of the program.
            Assert.Equal("complete", stacks[0].GetProperty("end").GetString());
            Assert.InRange(stacks[0].GetProperty("share").GetDouble(), 0.5, 1);
            var frames = stacks[0].GetProperty("frames").EnumerateArray().ToList();
            Assert.Equal("processCommand", frames[0].GetProperty("function").GetString());
            Assert.Contains("main", frames.Select(NameOf));

            Assert.Empty(TargetText.Differences(redis.Pid));
            List<ulong> seen = [];
            for (var stop = 0; stop < MostGdbMisses && !AddressesOf(stacks[0]).SequenceEqual(seen); stop++) seen = await BacktraceAsync(redis.Pid, Number(frames[0]));
            Assert.Equal(AddressesOf(stacks[0]), seen);

            var line = (await File.ReadAllLinesAsync(folded, TestContext.Current.CancellationToken)).MaxBy(l => long.Parse(l.Split(' ')[^1], CultureInfo.InvariantCulture))!;
            Assert.Matches(@"^[^ ]*main;.*;processCommand \d+$", line);
            Assert.Contains("processCommand", await File.ReadAllTextAsync(flame, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        }
        finally
        {
            load.Kill();
        }
        Assert.Equal("PONG", await redis.AskAsync("ping"));
    }

    /// <summary>Nothing that is said is ignored.</summary>
    [Fact]
    public async Task AFileOfStacks_ForAnotherAction_IsRefused()
    {
        var probe = await Kernopt.RunAsync("probe", "--at", "write", "--folded", Path.Combine(Scratch.Folder, "none"), "--", "/bin/true");
        Assert.Equal(Expect.Usage, probe.ExitCode);
        Assert.Contains("--folded is for --do stack", probe.Errors, StringComparison.Ordinal);
    }

    private static List<ulong> AddressesOf(JsonElement stack) => [.. stack.GetProperty("frames").EnumerateArray().Select(Number)];

    private static string? NameOf(JsonElement frame) => frame.TryGetProperty("function", out var name) ? name.GetString() : null;

    private static ulong Number(JsonElement frame) => ulong.Parse(frame.GetProperty("address").GetString()![2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    /// <summary>The frames' addresses, as gdb has them at an instruction.</summary>
    private static async Task<List<ulong>> BacktraceAsync(int pid, ulong at)
    {
        var (_, output) = await Tool.RunAsync("gdb", "-p", $"{pid}", "-batch", "-nx", "-iex", "set backtrace past-main on", "-ex", $"break *0x{at:x}", "-ex", "continue", "-ex", "bt -frame-info location-and-address -frame-arguments none", "-ex", "delete", "-ex", "detach");
        return [.. Regex.Matches(output, @"^#\d+ +0x([0-9a-f]+) in ", RegexOptions.Multiline).Select(m => ulong.Parse(m.Groups[1].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
    }
}
