using System.Runtime.InteropServices;

namespace KernOpt.Cli.CommandLine;

/// <summary>
/// Ctrl-C, SIGTERM and the end of the terminal (unless nohup made it nothing) end a command in order: its token is cancelled, what was only measuring is taken out again.
/// A second one ends at once. Ctrl-Z does nothing but say so: a kernopt that is stopped while it holds a thread of the target would hold it until it is continued.
/// </summary>
internal sealed class EndRequests : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration[] registrations;

    public EndRequests() => registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
        .. IsHangUpIgnored() ? [] : new[] { PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnSignal) },
        PosixSignalRegistration.Create(PosixSignal.SIGTSTP, OnStop),
    ];

    public CancellationToken Token => source.Token;

    public void Dispose()
    {
        foreach (var registration in registrations) registration.Dispose();
        source.Dispose();
    }

    /// <summary>As nohup(1) starts a command: bit 0 of the ignored signals of proc(5) is SIGHUP.</summary>
    private static bool IsHangUpIgnored() => File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith("SigIgn:", StringComparison.Ordinal)) is { } line
        && (Convert.ToUInt64(line[7..].Trim(), 16) & 1) != 0;

    private static void OnStop(PosixSignalContext context)
    {
        context.Cancel = true;
        Console.Error.WriteLine("kernopt: not stopped, it may be holding a thread of the target; Ctrl-C ends it");
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = !source.IsCancellationRequested;
        source.Cancel();
    }
}
