using System.Globalization;
using System.Text.Json;
using Xunit;

namespace KernOpt.Tests.System;

/// <summary>kernopt waits on a program that measures its own waits.</summary>
public sealed class WaitsTests
{
    [Fact]
    public async Task Waits_AreThoseThatTheProgramMeasures_ByLockAndCaller()
    {
        using var program = new RunningTarget(Scratch.Compile("locker", "-O2"));
        await program.WaitForLineAsync(_ => program.Lines.Count > 2, TimeSpan.FromSeconds(20));
        var from = program.Lines.Count;
        var waits = await Kernopt.RunAsync("waits", "--pid", $"{program.Pid}", "--for", "4s", "--json");
        Assert.True(waits.ExitCode == Expect.Done, $"{waits}");
        var rows = program.Lines.Skip(from - 1).Select(l => l.Split(' ').Select(f => double.Parse(f, CultureInfo.InvariantCulture)).ToList()).ToList();
        var share = (rows[^1][1] - rows[0][1]) / (rows[^1][0] - rows[0][0]);

        var locks = waits.Result.GetProperty("locks").EnumerateArray().ToList();
        var mutex = Named(locks, "mutex", "the_lock");
        var waiter = Caller(mutex, "waiter");
        // Its own clock ran also while the probes went in and out.
        Assert.InRange(waiter.GetProperty("seconds").GetDouble() / waits.Result.GetProperty("seconds").GetDouble(), share * 0.7, share * 1.3);
        // It is held for three milliseconds, and more on a busy machine, and waited for at some moment in between.
        Assert.InRange(mutex.GetProperty("meanMicroseconds").GetDouble(), 300, 30_000);
        // Nobody else posts: one thread waits all the time.
        var semaphore = Named(locks, "semaphore", "the_semaphore");
        Assert.InRange(semaphore.GetProperty("threads").GetDouble(), 0.7, 1.05);
        Assert.Contains("sem_wait", Caller(semaphore, "sleeper").GetProperty("function").GetString(), StringComparison.Ordinal);
        // The kernel's part of it, at the same word.
        Assert.Contains(locks, l => l.GetProperty("kind").GetString() == "futex" && l.GetProperty("lock").GetString() == mutex.GetProperty("lock").GetString());
        await Expect.UntouchedAsync(program);
    }

    /// <summary>Shorter ones are counted, and are no waits.</summary>
    [Fact]
    public async Task CallsThatDoNotLastLongEnough_AreNoWaits()
    {
        using var program = new RunningTarget(Scratch.Compile("locker", "-O2"));
        var waits = await Kernopt.RunAsync("waits", "--pid", $"{program.Pid}", "--for", "1s", "--least", "1000000", "--json");
        Assert.True(waits.ExitCode == Expect.Done, $"{waits}");
        Assert.Empty(waits.Result.GetProperty("locks").EnumerateArray());
        Assert.Contains(waits.Result.GetProperty("functions").EnumerateArray(), f => f.GetProperty("function").GetString() == "pthread_mutex_lock" && f.GetProperty("calls").GetInt64() > 50);
        await Expect.UntouchedAsync(program);
    }

    [Fact]
    public async Task KilledWaits_LeaveARunningProgram_ThatTheNextOneRestores()
    {
        using var program = new RunningTarget(Scratch.Compile("locker", "-O2"));
        using (var waits = Kernopt.Start("waits", "--pid", $"{program.Pid}", "--for", "60s", "--quiet"))
        {
            await Task.Delay(1_000 + Random.Shared.Next(2_000), TestContext.Current.CancellationToken);
            waits.Kill();
            await waits.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        var lines = program.Lines.Count;
        await program.WaitForLineAsync(_ => program.Lines.Count > lines + 5, TimeSpan.FromSeconds(20));
        Assert.Equal(Expect.Done, (await Kernopt.RunAsync("waits", "--pid", $"{program.Pid}", "--for", "1s", "--json")).ExitCode);
        await Expect.UntouchedAsync(program);
    }

    private static JsonElement Named(IEnumerable<JsonElement> locks, string kind, string symbol) =>
        locks.Single(l => l.GetProperty("kind").GetString() == kind && l.GetProperty("name").GetString()!.EndsWith($"!{symbol}", StringComparison.Ordinal));

    private static JsonElement Caller(JsonElement row, string function) =>
        row.GetProperty("callers").EnumerateArray().First(c => c.GetProperty("caller").GetString()!.StartsWith($"{function}+0x", StringComparison.Ordinal));
}
