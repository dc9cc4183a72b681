using System.ComponentModel;
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
    /// Starts a command with our own standard streams, and attaches once its dynamic loader has mapped its libraries. It runs on when we end.
    /// Refused with <see cref="Reasons.LaunchFailed"/> when it cannot be started or ends before that, and as <see cref="Attach"/> is.
    /// </summary>
    public static Outcome<ProcessTarget> Launch(IReadOnlyList<string> command, string? workingDirectory = null)
    {
        if (command.Count == 0) return Reasons.LaunchFailed.With("the command is empty");
        var start = new ProcessStartInfo(command[0]) { UseShellExecute = false, WorkingDirectory = workingDirectory ?? "" };
        foreach (var argument in command.Skip(1)) start.ArgumentList.Add(argument);
        try
        {
            var child = Process.Start(start);
            return child is null ? Reasons.LaunchFailed.With(command[0]) : AttachLaunched(child, command[0]);
        }
        catch (Exception error) when (error is Win32Exception or IOException or UnauthorizedAccessException)
        {
            return Reasons.LaunchFailed.With($"{command[0]}: {error.Message}");
        }
    }

    private static Outcome<ProcessTarget> AttachLaunched(Process child, string name)
    {
        var exit = AwaitExit(child);
        if (!AwaitLoaded(child)) return Reasons.LaunchFailed.With(DescribeEnd(exit, name));
        var attached = Attach(child.Id);
        if (!attached.IsDone) return child.HasExited ? Reasons.LaunchFailed.With(DescribeEnd(exit, name)) : attached;
        var target = attached.Value;
        return new ProcessTarget(target.status, target.memory, target.process, target.auxiliary) { Exit = exit };
    }

    private static string DescribeEnd(Task<int> exit, string name)
        => exit.Wait(TimeSpan.FromSeconds(1)) ? $"{name} ended with status {exit.Result} before it could be attached" : $"{name} ended before it could be attached";

    private static async Task<int> AwaitExit(Process child)
    {
        await child.WaitForExitAsync().ConfigureAwait(false);
        return child.ExitCode;
    }

    /// <summary>
    /// Loaded: the program is static, or another module than itself and the loader is mapped, and the executable mappings are the same twice, 5 ms apart.
    /// </summary>
    private static bool AwaitLoaded(Process child)
    {
        var started = Stopwatch.GetTimestamp();
        var before = "";
        while (Stopwatch.GetElapsedTime(started) < LoadTime)
        {
            if (child.HasExited) return false;
            var files = MapsFile.Read(child.Id).Where(m => m.Inode != 0 && m.Protection.HasFlag(Protection.Execute)).ToList();
            var now = string.Join(' ', files.Select(m => m.Range));
            var isComplete = files.Count > 2 || (files.Count > 0 && Stopwatch.GetElapsedTime(started).TotalMilliseconds > 50);
            if (isComplete && now == before) return true;
            before = now;
            SystemCall.Sleep(5_000_000);
        }
        return true;
    }
}
