using KernOpt.Linux.Native;
using KernOpt.Linux.Threads;
using Xunit;

namespace KernOpt.Tests.Linux;

/// <summary>What a tracer thread is while it holds another one, and afterwards.</summary>
public sealed class UrgencyTests
{
    [Theory]
    [InlineData(Scheduling.Other, 0, 300_000)]
    [InlineData(Scheduling.Other, 5, 300_000)]
    [InlineData(Scheduling.Batch, 0, 0)]
    [InlineData(Scheduling.Idle, 0, 0)]
    public void Urgency_WaitsForNobody_AndLeavesTheThreadAsItWas(uint policy, int nice, ulong slice) => OnOneThread(() =>
    {
        var start = Scheduling.Of(0)!.Value;
        Assert.Equal(0, Scheduling.Set(0, start with { Policy = policy, Nice = nice, Slice = slice }));
        var before = Scheduling.Of(0);

        using (Urgency.Begin())
        {
            var during = Scheduling.Of(0)!.Value;
            // Without the permission for the first, the second; and who is at idle priority may not leave it by himself (sched(7)).
            var isAllowed = Environment.IsPrivilegedProcess;
            Assert.Contains(during.Policy, isAllowed ? [Scheduling.FirstInFirstOut] : policy == Scheduling.Idle ? [Scheduling.Idle] : new[] { Scheduling.FirstInFirstOut, Scheduling.Other });
            // A flag that only CAP_SYS_NICE takes back would keep the thread at this priority for good.
            Assert.Equal(0UL, during.Flags);
        }

        Assert.Equal(before, Scheduling.Of(0));
    });

    [Fact]
    public void Urgency_OfARealTimeThread_ChangesNothing() => OnOneThread(() =>
    {
        var start = Scheduling.Of(0)!.Value;
        if (Scheduling.Set(0, start with { Policy = Scheduling.FirstInFirstOut, Priority = 2, Slice = 0 }) < 0) return;
        var before = Scheduling.Of(0);

        using (Urgency.Begin()) Assert.Equal(before, Scheduling.Of(0));

        Assert.Equal(before, Scheduling.Of(0));
    });

    /// <summary>A thread of its own: what it is left as must not be that of other tests.</summary>
    private static void OnOneThread(Action test)
    {
        Exception? failure = null;
        var thread = new Thread(() => failure = Record.Exception(test));
        thread.Start();
        thread.Join();
        Assert.Null(failure);
    }
}
