using System.Diagnostics;
using System.Globalization;
using KernOpt.Engine.Probing;
using KernOpt.Target;

namespace KernOpt.Cli.Commands;

/// <summary>What is done while a thread waits at a break: a command of the user's, or his Enter key.</summary>
internal static class BreakCommand
{
    /// <summary>A file or the null device is at its end at once; a pipe may be silent for as long as it likes.</summary>
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(200);

    /// <summary>Refused (8001): a command where nothing waits for it, and no command where nobody can press Enter. Reads standard input no further than to know that there is one.</summary>
    public static Outcome<Done> Check(string action, string? command)
    {
        var isBreak = action.Trim() == "break";
        if (command is not null && !isBreak) return Reasons.BadCommandLine.With($"--run is for --do break, not for {action}");
        return isBreak && command is null && IsInputAtEnd() ? Reasons.BadCommandLine.With("--do break: standard input is at its end, so that nobody can press Enter; give --run COMMAND") : Done.It;
    }

    /// <summary>Ends when the thread may go on. A command that is still running when the measurement ends goes on by itself.</summary>
    /// <param name="isJson">The command prints to standard error: the document is alone on standard output.</param>
    public static async Task ServeAsync(string? command, bool isJson, WaitingThread waiting, CancellationToken cancellation)
    {
        if (command is null)
        {
            await Console.Error.WriteLineAsync($"thread {waiting.Thread} waits at {waiting.Place}: Enter lets it go on").ConfigureAwait(false);
            // Console.In reads in the thread that asks it, also for ReadLineAsync, and cannot be told to stop.
            var line = await Task.Run(Console.In.ReadLine, CancellationToken.None).WaitAsync(cancellation).ConfigureAwait(false);
            if (line is null) await Console.Error.WriteLineAsync("standard input has ended: threads do not wait any more").ConfigureAwait(false);
            return;
        }
        var start = new ProcessStartInfo("/bin/sh", ["-c", isJson ? $"exec 1>&2\n{command}" : command]);
        // Whoever attaches to the number must not stop another process than the one whose thread waits.
        start.Environment["KERNOPT_PID"] = waiting.IsTargets ? waiting.Target.Split(':').ElementAtOrDefault(1) ?? "" : "";
        start.Environment["KERNOPT_TID"] = waiting.Thread.ToString(CultureInfo.InvariantCulture);
        start.Environment["KERNOPT_PLACE"] = waiting.Place;
        using var process = Process.Start(start);
        if (process is not null) await process.WaitForExitAsync(cancellation).ConfigureAwait(false);
    }

    private static bool IsInputAtEnd()
    {
        if (!Console.IsInputRedirected) return false;
        var first = Task.Run(Console.In.Peek);
        return first.Wait(Glance) && first.Result < 0;
    }
}
