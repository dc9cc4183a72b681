using KernOpt.Linux.Native;
using KernOpt.Linux.Regions;
using KernOpt.Target;

namespace KernOpt.Linux.Threads;

/// <summary>
/// The first time that code runs in this process it is prepared by the run-time, which takes milliseconds. So everything that is done while a thread is
/// held is first done, once per process, to a program of our own.
/// </summary>
internal static class Practice
{
    private const uint CloseOnExec = MapFlags.MemoryFileCloseOnExec;

    /// <summary>Where processors are busy, the program may not come to its stop in time.</summary>
    private const int MostTries = 5;

    private static int isBegun;
    private static volatile bool isRunning;

    /// <summary>Holds of that time are those of the practice, but for one that another thread begins meanwhile.</summary>
    public static bool IsRunning => isRunning;

    /// <summary>The first call practises; the others, and those that come from within it, return at once. Where it fails the first real hold is longer, no more.</summary>
    public static void Once()
    {
        if (Interlocked.Exchange(ref isBegun, 1) != 0) return;
        isRunning = true;
        try
        {
            Run();
        }
        finally
        {
            isRunning = false;
        }
    }

    private static void Run()
    {
        var file = SystemCall.CreateMemoryFile("kernopt-practice", CloseOnExec | MapFlags.MemoryFileExecutable);
        if (file < 0) file = SystemCall.CreateMemoryFile("kernopt-practice", CloseOnExec);
        if (file < 0) return;
        if (SystemCall.WriteAt(file, PracticeProgram.Build(), 0) > 0 && TraceableChild.Spawn([$"/proc/self/fd/{file}"]).Try(out var child, out _))
        {
            Work(child.Pid);
            SystemCall.Kill(child.Pid, Signals.Kill);
        }
        SystemCall.Close(file);
    }

    private static void Work(int pid)
    {
        if (!ProcessTarget.Attach(pid).Try(out var target, out _)) return;
        using (target)
        {
            RemoteArguments call = new(CallNumber.getpid);
            target.Calls.CallAll([call, call, call]);
            target.Runs.CallAll([.. Enumerable.Repeat(call, 40)]);
            // And one from which it goes on before it is stopped.
            if (CallRoom.Map(target.Mapper, target.Memory, wait: 0).Try(out var room, out _))
            {
                target.Calls.CallAll([.. Enumerable.Repeat(call, 4)], new CallsInARow(room));
                room.Dispose();
            }
            var isSeen = false;
            for (var tries = 0; tries < MostTries && !isSeen; tries++)
            {
                isSeen = target.ProveQuiescent([new(new Address(4096), 4096)]).Try(out var proof, out _) && proof is { IsProved: true, ThreadsHeld: > 0 };
            }
        }
        Urgency.Begin().Dispose();
        // It is not in a system call when it is held; others are.
        var blocked = new Registers { OriginalRax = (ulong)CallNumber.epoll_wait, Rax = unchecked((ulong)-Errno.Interrupted), R10 = 1 };
        RestartRules.Alone(RestartRules.Resumed(blocked, TimeSpan.FromMilliseconds(1)));
    }
}
