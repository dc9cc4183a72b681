using System.Diagnostics;
using KernOpt.Linux.Memory;
using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Linux;

public sealed partial class ProcessTarget
{
    private static readonly TimeSpan LoadTime = TimeSpan.FromSeconds(10);

    /// <summary>The exit status once a target that we launched has exited (128 + signal when a signal ended it); null for one that we attached to.</summary>
    public Task<int>? Exit { get; private init; }

    /// <summary>
    /// Starts a command with our own standard streams (or with another descriptor as its standard output), and attaches once its dynamic loader has mapped its libraries. It runs on when we end.
    /// Refused with <see cref="Reasons.LaunchFailed"/> when it cannot be started or ends before that, and as <see cref="Attach"/> is.
    /// </summary>
    public static Outcome<ProcessTarget> Launch(IReadOnlyList<string> command, string? workingDirectory = null, int standardOutput = -1)
    {
        if (!TraceableChild.Spawn(command, workingDirectory, standardOutput: standardOutput).Try(out var child, out var why)) return why;
        if (!AwaitLoaded(child)) return DescribeEnd(child, command[0]);
        var attached = Attach(child.Pid);
        if (attached.IsDone) return attached.Value.WithExit(child.Exit);
        return child.Exit.IsCompleted ? DescribeEnd(child, command[0]) : attached;
    }

    private static Refusal DescribeEnd(TraceableChild child, string name)
        => Reasons.LaunchFailed.With($"{name} ended with status {child.Exit.Result} before it could be attached");

    /// <summary>
    /// Loaded: two modules besides the program are mapped (the loader and a library), or the program has run for 50 ms without, and the executable
    /// mappings are the same twice, 5 ms apart.
    /// </summary>
    private static bool AwaitLoaded(TraceableChild child)
    {
        var started = Stopwatch.GetTimestamp();
        var before = "";
        while (Stopwatch.GetElapsedTime(started) < LoadTime)
        {
            if (child.Exit.IsCompleted) return false;
            var files = MapsFile.Read(child.Pid).Where(m => m.Inode != 0 && m.Protection.HasFlag(Protection.Execute)).ToList();
            var now = string.Join(' ', files.Select(m => m.Range));
            var isComplete = files.Count > 2 || (files.Count > 0 && Stopwatch.GetElapsedTime(started).TotalMilliseconds > 50);
            if (isComplete && now == before) return true;
            before = now;
            SystemCall.Sleep(5_000_000);
        }
        return true;
    }

    /// <summary>The same target, of which it is known when it exits. This one must not be used any more.</summary>
    private ProcessTarget WithExit(Task<int> exit) => new(status, memory, process, auxiliary) { Exit = exit };
}
