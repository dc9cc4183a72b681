using System.Diagnostics;
using System.Globalization;
using KernOpt.Engine.Probing;

namespace KernOpt.Cli.Commands;

/// <summary>What is done while a thread waits at a break: a command of the user's, or his Enter key.</summary>
internal static class BreakCommand
{
    /// <summary>Ends when the thread may go on. A command that is still running when the measurement ends goes on by itself.</summary>
    public static async Task ServeAsync(string? command, WaitingThread waiting, CancellationToken cancellation)
    {
        if (command is null)
        {
            await Console.Error.WriteLineAsync($"thread {waiting.Thread} waits at {waiting.Place}: Enter lets it go on").ConfigureAwait(false);
            await Console.In.ReadLineAsync(cancellation).ConfigureAwait(false);
            return;
        }
        var start = new ProcessStartInfo("/bin/sh", ["-c", command]);
        start.Environment["KERNOPT_PID"] = waiting.Target.Split(':').ElementAtOrDefault(1) ?? "";
        start.Environment["KERNOPT_TID"] = waiting.Thread.ToString(CultureInfo.InvariantCulture);
        start.Environment["KERNOPT_PLACE"] = waiting.Place;
        using var process = Process.Start(start);
        if (process is not null) await process.WaitForExitAsync(cancellation).ConfigureAwait(false);
    }
}
