using System.Runtime.InteropServices;

namespace KernOpt.Cli.CommandLine;

/// <summary>Ctrl-C and SIGTERM end a command in order: its token is cancelled, what was only measuring is taken out again. A second one ends at once.</summary>
internal sealed class EndRequests : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration[] registrations;

    public EndRequests() => registrations =
        [PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal), PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal)];

    public CancellationToken Token => source.Token;

    public void Dispose()
    {
        foreach (var registration in registrations) registration.Dispose();
        source.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = !source.IsCancellationRequested;
        source.Cancel();
    }
}
