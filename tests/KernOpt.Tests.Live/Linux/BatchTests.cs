using KernOpt.Linux;
using KernOpt.Linux.Native;
using KernOpt.Linux.Regions;
using KernOpt.Linux.Threads;
using KernOpt.Target;
using KernOpt.Tests.Live.Live;
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

    /// <summary>How many calls are made: with a stop before and behind each; in a row, stopped at its end; in a row from which the thread always goes on by itself, as when the tracer is late.</summary>
    public enum Way { Stepped, Row, LateRow }

    private static readonly string[] Waits = ["epoll", "timeout", "nanosleep", "futex", "read", "receive", "poll", "signal", "semop", "busy"];

    public static TheoryData<string, Way> WaitsAndWays => new(from wait in Waits from way in Enum.GetValues<Way>() select (wait, way));

    [Theory]
    [MemberData(nameof(WaitsAndWays))]
    public void ThreadInAnyWait_MakesManyCalls_AndNeverNotices(string wait, Way way)
    {
        using var program = NativeProgram.Start("waits.c", wait);
        BorrowTests.AwaitReady(program);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        using var caller = new Caller(target, way);
        var borrowed = Assert.Single(ThreadFacts.List(program.Pid), t => t != program.Pid);
        for (var round = 0; round < 10; round++) Check(program, caller.CallAll(Calls(100), borrowed), borrowed);
        program.WriteLine("tell");
        Assert.Equal(0UL, program.ReadFacts()["errors"]);
        program.WriteLine("quit");
        Assert.Equal(0, program.WaitForExit());
        TestContext.Current.TestOutputHelper?.WriteLine($"{wait}: longest hold {target.LongestHold.TotalMicroseconds} µs");
    }

    [Theory]
    [InlineData(Way.Stepped)]
    [InlineData(Way.Row)]
    [InlineData(Way.LateRow)]
    public void SignalsInTheMiddle_AreNeitherLostNorDoubled_AndEachCallIsMadeOnce(Way way)
    {
        const int signals = 1500;
        using var program = NativeProgram.Start("waits.c", "none", $"{signals}");
        BorrowTests.AwaitReady(program);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        using var caller = new Caller(target, way);
        var borrowed = ThreadFacts.List(program.Pid).Where(t => t != program.Pid).ToList();
        var line = Task.Run(program.ReadFacts, TestContext.Current.CancellationToken);
        var (batches, made) = (0, 0);
        while (!line.IsCompleted)
        {
            var thread = borrowed[batches++ % 2];
            var results = caller.CallAll(Calls(60), thread);
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
    [Theory]
    [InlineData(Way.Stepped)]
    [InlineData(Way.Row)]
    [InlineData(Way.LateRow)]
    public void EachCall_IsMadeOnce_InItsOrder(Way way)
    {
        using var program = NativeProgram.Start("waits.c", "busy");
        BorrowTests.AwaitReady(program);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        using var caller = new Caller(target, way);
        var results = caller.CallAll([.. Enumerable.Repeat(new RemoteArguments(CallNumber.epoll_create1, 0), 200)]);
        Assert.Equal(results.Select(r => r.Value).Order().Distinct(), results.Select(r => r.Value));
        Assert.Equal(200, Descriptors(program).Count());
        Assert.All(caller.CallAll([.. results.Select(r => new RemoteArguments(CallNumber.close, r.Value))]), r => Assert.True(r.IsDone));
        Assert.All(caller.CallAll([.. results.Select(r => new RemoteArguments(CallNumber.close, r.Value))]), r => Assert.False(r.IsDone));
        Assert.Empty(Descriptors(program));
    }

    [Theory]
    [InlineData(Way.Stepped)]
    [InlineData(Way.Row)]
    public async Task ProgramThatDiesInTheMiddle_EndsTheBatch(Way way)
    {
        using var program = NativeProgram.Start("waits.c", "busy");
        BorrowTests.AwaitReady(program);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        using var caller = new Caller(target, way);
        Assert.True(target.Calls.Call(new(CallNumber.getpid)).IsDone);
        var batch = Task.Run(() => caller.CallAll([new(CallNumber.epoll_create1), .. Calls(200_000)]), TestContext.Current.CancellationToken);
        while (!batch.IsCompleted && !Descriptors(program).Any()) await Task.Delay(1, TestContext.Current.CancellationToken);
        SystemCall.Kill(program.Pid, Signals.Kill);
        var results = await batch.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        Assert.True(results[0].IsDone, $"{results[0]}");
        Assert.Contains(results[^1].Refusal.Reason, new[] { Reasons.TargetGone, Reasons.ThreadLost, Reasons.NoThreadToBorrow });
    }

    /// <summary>Its threads come and go all the time: what one has not done is done by another.</summary>
    [Theory]
    [InlineData(Way.Stepped)]
    [InlineData(Way.Row)]
    [InlineData(Way.LateRow)]
    public void ThreadsThatEnd_LeaveTheRestToOthers(Way way)
    {
        using var program = NativeProgram.Start("mayflies.c");
        program.ReadLine();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        using var caller = new Caller(target, way);
        for (var round = 0; round < 20; round++)
        {
            var results = caller.CallAll([.. Enumerable.Repeat(new RemoteArguments(CallNumber.getpid), 100)]);
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

    /// <summary>The room is mapped when there is need of one, and is gone with the last region, and when the lock is given back.</summary>
    [Fact]
    public void Room_IsMappedForManyCalls_AndUnmappedAtTheEnd()
    {
        using var program = NativeProgram.Start("idle.c");
        program.ReadLine();
        using var other = ProcessTarget.Attach(program.Pid).Value;
        var before = other.ReadMap().Mappings;
        using var target = ProcessTarget.Attach(program.Pid).Value;
        for (var session = 0; session < 2; session++)
        {
            using (target.TryLockForChange().Value)
            {
                target.Runs.CallAll(Calls(3));
                Assert.Equal(before, other.ReadMap().Mappings);
                Check(program, target.Runs.CallAll(Calls(1000)), program.Pid);
                Assert.Equal(2, other.ReadMap().Mappings.Count(m => m.Path == RegionMaps.RoomPath));
                var region = target.MapRegion(new RegionRequest(before[0].Range, 4096, 4096)).Value;
                Assert.Contains(other.ReadMap().Mappings, m => m.Path == RegionMaps.RoomPath);
                Assert.True(target.UnmapRegion(region).IsDone);
                Assert.Equal(before, other.ReadMap().Mappings);
                Check(program, target.Runs.CallAll(Calls(100)), program.Pid);
                Assert.NotEqual(before, other.ReadMap().Mappings);
            }
            Assert.Equal(before, other.ReadMap().Mappings);
        }
    }

    /// <summary>No thread is sent into a room that is not there any more: the calls that have not been made are refused, and the next ones have another room.</summary>
    [Fact]
    public async Task RoomThatIsUnmappedInTheMiddle_IsNotEnteredAgain()
    {
        using var program = NativeProgram.Start("waits.c", "busy");
        BorrowTests.AwaitReady(program);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        using var other = ProcessTarget.Attach(program.Pid).Value;
        Check(program, target.Runs.CallAll(Calls(30), program.Pid), program.Pid);
        var room = other.ReadMap().Mappings.Where(m => m.Path == RegionMaps.RoomPath).Select(m => m.Range).ToList();
        var calls = Calls(500_000).Prepend(new RemoteArguments(CallNumber.epoll_create1)).ToList();
        // Each of the two has a thread of its own, so that neither comes to one that the other holds.
        var busy = Assert.Single(ThreadFacts.List(program.Pid), t => t != program.Pid);
        var batch = Task.Run(() => target.Runs.CallAll(calls, busy), TestContext.Current.CancellationToken);
        Wait.Until(() => Descriptors(program).Any());
        Assert.True(other.Calls.Call(new(CallNumber.munmap, room[0].Start.Value, room[0].Length + room[1].Length), only: program.Pid).IsDone);
        Assert.False(batch.IsCompleted, "it came too late");
        var results = await batch;
        Assert.Equal(Reasons.NoRoomForStub, results[^1].Refusal.Reason);
        Assert.True(results[0].IsDone);
        Assert.Equal(100, target.Runs.CallAll(Calls(100)).Count(r => r.IsDone || r.Refusal.Reason == Reasons.RemoteCallFailed));
        target.Runs.Close();
        program.WriteLine("tell");
        Assert.Equal(0UL, program.ReadFacts()["errors"]);
        program.WriteLine("quit");
        Assert.Equal(0, program.WaitForExit());
    }

    /// <summary>The kernel leaves in the room's time what it has not waited of it; each row has all of it again.</summary>
    [Fact]
    public void EachRow_WaitsAsLong()
    {
        using var program = NativeProgram.Start("idle.c");
        program.ReadLine();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        using var room = CallRoom.Map(target.Mapper, target.Memory).Value;
        var row = new CallsInARow(room);
        for (var i = 0; i < 300; i++) target.Calls.CallAll(Calls(3), row);
        Assert.InRange(row.Late, 0, 30);
        using var hasty = CallRoom.Map(target.Mapper, target.Memory, wait: 0).Value;
        var late = new CallsInARow(hasty);
        for (var i = 0; i < 300; i++) target.Calls.CallAll(Calls(3), late);
        Assert.InRange(late.Late, 31, 300);
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

    /// <summary>A target's calls made in one of the ways.</summary>
    private sealed class Caller(ProcessTarget target, Way way) : IDisposable
    {
        private readonly CallsInARow? row = way == Way.Stepped ? null : new(way == Way.Row ? CallRoom.Map(target.Mapper, target.Memory).Value : CallRoom.Map(target.Mapper, target.Memory, wait: 0).Value);

        public IReadOnlyList<Outcome<ulong>> CallAll(IReadOnlyList<RemoteArguments> calls, int? only = null) =>
            row is null ? target.Calls.CallAll(calls, only) : target.Calls.CallAll(calls, row, only);

        public void Dispose() => row?.Room.Dispose();
    }
}
