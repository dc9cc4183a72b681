using KernOpt.Linux;
using KernOpt.Linux.Native;
using KernOpt.Linux.Threads;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live.Linux;

/// <summary>
/// A container that is paused (cgroup-v2 freezer): its threads can be stopped and sent somewhere, but do not run before it is resumed. Then they must find
/// the code to which they were sent.
/// </summary>
public sealed class FrozenTests
{
    [Theory]
    [InlineData("busy")]
    [InlineData("nanosleep")]
    public void ThreadThatIsFrozenWhileItIsBorrowed_GoesOnUnharmedWhenItThaws(string wait)
    {
        using var group = FreezableGroup.TryMake();
        if (group is null) Assert.Skip("no cgroup-v2 hierarchy that may be written");
        using var program = NativeProgram.Start("waits.c", wait);
        program.ReadFacts();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var borrowed = ThreadFacts.List(program.Pid).Single(t => t != program.Pid);
        group.Add(program.Pid);
        group.IsFrozen = true;
        Assert.Equal(Reasons.NoThreadToBorrow, target.Calls.Call(new(CallNumber.getpid), only: borrowed).Refusal.Reason);
        group.IsFrozen = false;
        Thread.Sleep(500);
        program.WriteLine("tell");
        Assert.Equal(0UL, program.ReadFacts()["errors"]);
        Assert.Equal((ulong)program.Pid, target.Calls.Call(new(CallNumber.getpid), only: borrowed).Value);
        program.WriteLine("quit");
        Assert.Equal(0, program.WaitForExit());
    }

    private sealed class FreezableGroup : IDisposable
    {
        private readonly string folder;

        private FreezableGroup(string folder) => this.folder = folder;

        public bool IsFrozen
        {
            set
            {
                File.WriteAllText(Path.Combine(folder, "cgroup.freeze"), value ? "1" : "0");
                for (var i = 0; i < 100 && !File.ReadAllText(Path.Combine(folder, "cgroup.events")).Contains($"frozen {(value ? 1 : 0)}", StringComparison.Ordinal); i++) Thread.Sleep(10);
            }
        }

        public static FreezableGroup? TryMake()
        {
            var root = File.ReadLines("/proc/self/mounts").Select(l => l.Split(' ')).FirstOrDefault(f => f[2] == "cgroup2")?[1];
            if (root is null) return null;
            try
            {
                var folder = Path.Combine(root, $"kernopt-tests-{Environment.ProcessId}-{Guid.NewGuid():n}");
                Directory.CreateDirectory(folder);
                return new FreezableGroup(folder);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }

        public void Add(int pid) => File.WriteAllText(Path.Combine(folder, "cgroup.procs"), $"{pid}");

        public void Dispose()
        {
            IsFrozen = false;
            // It goes when its last process has ended.
            for (var i = 0; i < 100; i++)
            {
                try
                {
                    Directory.Delete(folder);
                    return;
                }
                catch (IOException)
                {
                    Thread.Sleep(20);
                }
            }
        }
    }
}
