using KernOpt.Linux;
using KernOpt.Linux.Native;
using KernOpt.Linux.Threads;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live.Linux;

/// <summary>Many system calls at once, by threads that are each held for some of them: each is made once, in its order, and the program never notices.</summary>
public sealed class BatchTests
{
    private const ulong NoDescriptor = 9999;

    /// <summary>Each third one is an error, and each third is told apart from the others.</summary>
    internal static IReadOnlyList<RemoteArguments> Calls(int count) => [.. Enumerable.Range(0, count).Select(i => (i % 3) switch
    {
        0 => new RemoteArguments(CallNumber.getpid),
        1 => new RemoteArguments(CallNumber.close, NoDescriptor),
        _ => new RemoteArguments(CallNumber.gettid),
    })];

    [Theory]
    [InlineData("epoll")]
    [InlineData("timeout")]
    [InlineData("nanosleep")]
    [InlineData("futex")]
    [InlineData("read")]
    [InlineData("receive")]
    [InlineData("poll")]
    [InlineData("signal")]
    [InlineData("semop")]
    [InlineData("busy")]
    public void ThreadInAnyWait_MakesManyCalls_AndNeverNotices(string wait)
    {
        using var program = NativeProgram.Start("waits.c", wait);
        BorrowTests.AwaitReady(program);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var borrowed = Assert.Single(ThreadFacts.List(program.Pid), t => t != program.Pid);
        for (var round = 0; round < 10; round++) Check(program, target.Calls.CallAll(Calls(100), only: borrowed), borrowed);
        program.WriteLine("tell");
        Assert.Equal(0UL, program.ReadFacts()["errors"]);
        program.WriteLine("quit");
        Assert.Equal(0, program.WaitForExit());
        TestContext.Current.TestOutputHelper?.WriteLine($"{wait}: longest hold {target.LongestHold.TotalMicroseconds} µs");
    }

    [Fact]
    public void SignalsInTheMiddle_AreNeitherLostNorDoubled_AndEachCallIsMadeOnce()
    {
        const int signals = 1500;
        using var program = NativeProgram.Start("waits.c", "none", $"{signals}");
        BorrowTests.AwaitReady(program);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var borrowed = ThreadFacts.List(program.Pid).Where(t => t != program.Pid).ToList();
        var line = Task.Run(program.ReadFacts, TestContext.Current.CancellationToken);
        var (batches, made) = (0, 0);
        while (!line.IsCompleted)
        {
            var thread = borrowed[batches++ % 2];
            var results = target.Calls.CallAll(Calls(60), only: thread);
            // Where the machine gives it no turn between two signals, the rest is not made.
            Check(program, [.. results.TakeWhile(r => r.IsDone || r.Refusal.Reason == Reasons.RemoteCallFailed)], thread);
            made += results.Count(r => r.IsDone);
        }
        program.WriteLine("tell");
        var facts = program.ReadFacts();
        Assert.Equal(0UL, facts["errors"]);
        Assert.Equal(2UL * signals, facts["handled"]);
        Assert.True(made > 200, $"{made} calls in {batches} batches");
    }

    /// <summary>A descriptor that is taken again and again: a call that was made twice would leave one more open, one that was left out one less.</summary>
    [Fact]
    public void EachCall_IsMadeOnce_InItsOrder()
    {
        using var program = NativeProgram.Start("waits.c", "busy");
        BorrowTests.AwaitReady(program);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var results = target.Calls.CallAll([.. Enumerable.Repeat(new RemoteArguments(CallNumber.epoll_create1, 0), 200)]);
        Assert.Equal(results.Select(r => r.Value).Order().Distinct(), results.Select(r => r.Value));
        Assert.Equal(200, Descriptors(program).Count());
        Assert.All(target.Calls.CallAll([.. results.Select(r => new RemoteArguments(CallNumber.close, r.Value))]), r => Assert.True(r.IsDone));
        Assert.All(target.Calls.CallAll([.. results.Select(r => new RemoteArguments(CallNumber.close, r.Value))]), r => Assert.False(r.IsDone));
        Assert.Empty(Descriptors(program));
    }

    [Fact]
    public async Task ProgramThatDiesInTheMiddle_EndsTheBatch()
    {
        using var program = NativeProgram.Start("waits.c", "busy");
        BorrowTests.AwaitReady(program);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        Assert.True(target.Calls.Call(new(CallNumber.getpid)).IsDone);
        var batch = Task.Run(() => target.Calls.CallAll([new(CallNumber.epoll_create1), .. Calls(200_000)]), TestContext.Current.CancellationToken);
        while (!batch.IsCompleted && !Descriptors(program).Any()) await Task.Delay(1, TestContext.Current.CancellationToken);
        SystemCall.Kill(program.Pid, Signals.Kill);
        var results = await batch.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        Assert.True(results[0].IsDone, $"{results[0]}");
        Assert.Contains(results[^1].Refusal.Reason, new[] { Reasons.TargetGone, Reasons.ThreadLost, Reasons.NoThreadToBorrow });
    }

    /// <summary>Its threads come and go all the time: what one has not done is done by another.</summary>
    [Fact]
    public void ThreadsThatEnd_LeaveTheRestToOthers()
    {
        using var program = NativeProgram.Start("mayflies.c");
        program.ReadLine();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        for (var round = 0; round < 20; round++)
        {
            var results = target.Calls.CallAll([.. Enumerable.Repeat(new RemoteArguments(CallNumber.getpid), 100)]);
            Assert.All(results, r => Assert.Equal((ulong)program.Pid, r.Value));
        }
        Assert.True(program.IsRunning);
        program.WriteLine("quit");
        Assert.Equal(0, program.WaitForExit());
    }

    [Fact]
    public void NoCalls_BorrowNobody()
    {
        using var program = NativeProgram.Start("idle.c");
        program.ReadLine();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        Assert.Empty(target.Calls.CallAll([]));
        Assert.Equal(TimeSpan.Zero, target.LongestHold);
    }

    /// <summary>Those of epoll_create1, of which the program has none itself.</summary>
    private static IEnumerable<string> Descriptors(NativeProgram program) =>
        Directory.EnumerateFiles($"/proc/{program.Pid}/fd").Where(f => SystemCall.ReadLink(f) == "anon_inode:[eventpoll]");

    private static void Check(NativeProgram program, IReadOnlyList<Outcome<ulong>> results, int thread)
    {
        for (var i = 0; i < results.Count; i++)
        {
            if (i % 3 == 1) Assert.Contains("errno 9", results[i].Refusal.Detail, StringComparison.Ordinal);
            else Assert.Equal((ulong)(i % 3 == 0 ? program.Pid : thread), results[i].Value);
        }
    }
}
