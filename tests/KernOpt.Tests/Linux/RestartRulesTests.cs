using KernOpt.Linux.Native;
using KernOpt.Linux.Threads;
using Xunit;

namespace KernOpt.Tests.Linux;

/// <summary>What a stopped system call goes on as; the numbers are the kernel's (include/linux/errno.h).</summary>
public sealed class RestartRulesTests
{
    private const long Interrupted = -4, NoHandler = -514;

    [Theory]
    [InlineData(CallNumber.semop)]
    [InlineData(CallNumber.rt_sigtimedwait)]
    [InlineData(CallNumber.recvfrom)]
    [InlineData(CallNumber.epoll_pwait2)]
    public void CallThatAStopEnds_IsDoneAgain(CallNumber call)
    {
        var stopped = In(call, Interrupted) with { R10 = 50 };
        Assert.Equal(stopped with { Rax = unchecked((ulong)NoHandler) }, RestartRules.Resumed(stopped, TimeSpan.FromMilliseconds(20)));
    }

    [Theory]
    [InlineData(100, 30, 70)]
    [InlineData(100, 500, 0)]
    [InlineData(0, 30, 0)]
    [InlineData(-1, 30, -1)]
    [InlineData(100, -5, 100)]
    public void EpollWait_WaitsForTheRestOfItsTime(int timeout, int waited, int rest)
    {
        var resumed = RestartRules.Resumed(In(CallNumber.epoll_wait, Interrupted) with { R10 = (ulong)timeout }, TimeSpan.FromMilliseconds(waited));
        Assert.Equal(rest, (int)resumed.R10);
    }

    [Theory]
    [InlineData(CallNumber.epoll_wait, 3)]       // three events: its result is its own
    [InlineData(CallNumber.nanosleep, Interrupted)]
    [InlineData(CallNumber.futex, -512)]         // the kernel does it again by itself
    public void AnyOtherResult_StaysAsItIs(CallNumber call, long result)
    {
        var stopped = In(call, result);
        Assert.Equal(stopped, RestartRules.Resumed(stopped, TimeSpan.FromSeconds(1)));
    }

    [Theory]
    [InlineData(-512)]
    [InlineData(-513)]
    [InlineData(NoHandler)]
    public void AloneInUserMode_TheCallIsMadeAgainFromItsInstruction(long result)
    {
        var alone = RestartRules.Alone(In(CallNumber.futex, result));
        Assert.Equal((ulong)CallNumber.futex, alone.Rax);
        Assert.Equal(0x1000UL, alone.Rip);
        Assert.Equal(ulong.MaxValue, alone.OriginalRax);
    }

    [Fact]
    public void AloneInUserMode_ASleepGoesOnByRestartSyscall() =>
        Assert.Equal((ulong)CallNumber.restart_syscall, RestartRules.Alone(In(CallNumber.clock_nanosleep, -516)).Rax);

    [Fact]
    public void ThreadInNoCall_IsLeftAlone_WhateverIsInRax()
    {
        var running = new Registers { OriginalRax = ulong.MaxValue, Rax = unchecked((ulong)Interrupted), Rip = 0x1002 };
        Assert.Equal(running, RestartRules.Resumed(running, TimeSpan.Zero));
        Assert.Equal(running, RestartRules.Alone(running));
    }

    [Fact]
    public void RunningThreadsAreBorrowedFirst_ThoseThatEndInterruptedLate()
    {
        int[] ranks = [RestartRules.Rank(null), RestartRules.Rank((long)CallNumber.futex), RestartRules.Rank((long)CallNumber.bind), RestartRules.Rank((long)CallNumber.epoll_wait), RestartRules.Rank(-1)];
        Assert.Equal([0, 1, 2, 3, 4], ranks);
    }

    private static Registers In(CallNumber call, long result) => new() { OriginalRax = (ulong)call, Rax = unchecked((ulong)result), Rip = 0x1002 };
}
