using KernOpt.Linux;
using KernOpt.Linux.Native;
using KernOpt.Linux.Threads;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live.Linux;

/// <summary>Threads are borrowed from a program that checks each of its waits and registers; it must never notice.</summary>
public sealed class BorrowTests
{
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
    public void ThreadInAnyWait_BorrowedTwoHundredTimes_NeverNotices(string wait)
    {
        using var program = NativeProgram.Start("waits.c", wait);
        AwaitReady(program);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var borrowed = ThreadFacts.List(program.Pid).Where(t => t != program.Pid).ToList();
        Assert.Single(borrowed);
        for (var i = 0; i < 200; i++)
        {
            var result = target.Calls.Call(new(CallNumber.getpid), only: borrowed[0]);
            Assert.Equal((ulong)program.Pid, result.Value);
        }
        program.WriteLine("tell");
        Assert.Equal(0UL, program.ReadFacts()["errors"]);
        program.WriteLine("quit");
        Assert.Equal(0, program.WaitForExit());
        TestContext.Current.SendDiagnosticMessage($"{wait}: longest hold {target.LongestHold.TotalMicroseconds} µs");
    }

    [Fact]
    public void SignalsAtAnyMoment_WhileThreadsAreBorrowed_AreNeitherLostNorDoubled()
    {
        // How many calls meet the signals of one program depends on what else the machine does.
        var calls = 0;
        for (var programs = 0; calls <= 200 && programs < 20; programs++) calls += CallsUnderSignals();
        Assert.True(calls > 200, $"only {calls} calls");
    }

    /// <summary>Answers how many calls were made by the time all signals had been sent.</summary>
    private static int CallsUnderSignals()
    {
        const int signals = 1500;
        using var program = NativeProgram.Start("waits.c", "none", $"{signals}");
        AwaitReady(program);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var borrowed = ThreadFacts.List(program.Pid).Where(t => t != program.Pid).ToList();
        var line = Task.Run(program.ReadFacts, TestContext.Current.CancellationToken);
        var calls = 0;
        while (!line.IsCompleted)
        {
            if (target.Calls.Call(new(CallNumber.getpid), only: borrowed[calls++ % 2]).Try(out var pid, out _)) Assert.Equal((ulong)program.Pid, pid);
        }
        program.WriteLine("tell");
        var facts = program.ReadFacts();
        Assert.Equal(0UL, facts["errors"]);
        Assert.Equal(2UL * signals, facts["handled"]);
        return calls;
    }

    [Fact]
    public void SlackOfTheText_AfterBorrowing_IsAsBefore()
    {
        using var program = NativeProgram.Start("idle.c");
        program.ReadLine();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var before = Text(target);
        Assert.True(target.Calls.Call(new(CallNumber.getpid)).IsDone);
        Assert.Equal(before, Text(target));
    }

    [Fact]
    public void StubLeftByAKilledRun_IsRemovedWhenTheTargetIsLockedForChange()
    {
        using var program = NativeProgram.Start("idle.c");
        program.ReadLine();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var before = Text(target);
        var place = target.Places.Find(target.ReadMap()).Value;
        Assert.True(target.Memory.Write(place, CallStub.Empty()));
        Assert.NotEqual(before, Text(target));
        using (target.TryLockForChange().Value) Assert.Equal(before, Text(target));
    }

    [Fact]
    public void CallThatTheKernelRefuses_IsARefusalWithItsNumber()
    {
        using var program = NativeProgram.Start("idle.c");
        program.ReadLine();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var refusal = target.Calls.Call(new(CallNumber.close, 9999)).Refusal;
        Assert.Equal(Reasons.RemoteCallFailed, refusal.Reason);
        Assert.Contains("errno 9", refusal.Detail, StringComparison.Ordinal);
    }

    internal static void AwaitReady(NativeProgram program)
    {
        while (!program.ReadLine().StartsWith("ready", StringComparison.Ordinal)) { }
    }

    private static byte[] Text(ProcessTarget target)
    {
        var all = new List<byte>();
        foreach (var mapping in target.ReadMap().Mappings.Where(m => m.Protection == (Protection.Read | Protection.Execute) && m.IsPrivate && m.Inode != 0))
        {
            var bytes = new byte[mapping.Range.Length];
            target.Read(mapping.Range.Start, bytes);
            all.AddRange(bytes);
        }
        return [.. all];
    }
}
