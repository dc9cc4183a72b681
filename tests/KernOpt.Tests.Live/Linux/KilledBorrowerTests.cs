using System.Diagnostics;
using KernOpt.Linux;
using KernOpt.Linux.Regions;
using KernOpt.Linux.Threads;
using Xunit;

namespace KernOpt.Tests.Live.Linux;

/// <summary>kill -9 of a process that borrows threads in a loop, at random instants: the threads go on by themselves.</summary>
public sealed class KilledBorrowerTests
{
    [Theory]
    [InlineData("busy")]
    [InlineData("futex")]
    [InlineData("nanosleep")]
    [InlineData("read")]
    public void BorrowerKilledAtRandomInstants_TheProgramNeverNotices(string wait) => KillBorrowers(wait, "borrow");

    [Theory]
    [InlineData("busy")]
    [InlineData("futex")]
    [InlineData("nanosleep")]
    [InlineData("read")]
    public void BorrowerKilledInTheMiddleOfABatch_TheProgramNeverNotices(string wait) => KillBorrowers(wait, "borrow-many");

    [Theory]
    [InlineData("busy")]
    [InlineData("futex")]
    [InlineData("nanosleep")]
    [InlineData("read")]
    public void BorrowerKilledInTheMiddleOfARow_TheProgramNeverNotices_AndTheRoomIsUnmappedLater(string wait) => KillBorrowers(wait, "borrow-row");

    private static void KillBorrowers(string wait, string work)
    {
        using var program = NativeProgram.Start("waits.c", wait);
        BorrowTests.AwaitReady(program);
        var random = new Random(11);
        for (var round = 0; round < 6; round++)
        {
            KillOneAfter($"{work} {program.Pid}", random.Next(1, 40));
            Assert.True(program.IsRunning);
        }
        using var target = ProcessTarget.Attach(program.Pid).Value;
        if (work == "borrow-row") Assert.Contains(target.ReadMap().Mappings, m => m.Path == RegionMaps.RoomPath);
        using (target.TryLockForChange().Value)
        {
            Assert.Empty(target.Places.FindLeftovers(target.ReadMap()));
            Assert.DoesNotContain(target.ReadMap().Mappings, m => m.Path.StartsWith(RegionMaps.AnyPath, StringComparison.Ordinal));
        }
        Assert.All(ThreadFacts.List(program.Pid), t => Assert.NotEqual('t', ThreadFacts.Read(program.Pid, t)!.State));
        program.WriteLine("tell");
        Assert.Equal(0UL, program.ReadFacts()["errors"]);
        program.WriteLine("quit");
        Assert.Equal(0, program.WaitForExit());
    }

    private static void KillOneAfter(string work, int milliseconds)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        start.Environment[AttachTrial.Variable] = work;
        using var borrower = Process.Start(start)!;
        Assert.Equal("attached", borrower.StandardOutput.ReadLine());
        Thread.Sleep(milliseconds);
        Assert.False(borrower.HasExited, "it ended by itself");
        borrower.Kill();
        borrower.WaitForExit();
    }
}
