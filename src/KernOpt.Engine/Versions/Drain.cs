using System.Diagnostics;
using KernOpt.Engine.Sessions;
using KernOpt.Live;

namespace KernOpt.Engine.Versions;

/// <summary>Memory is given back only when no thread is in it; a thread that sleeps there may take long, and then it stays.</summary>
internal static class Drain
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5), Look = TimeSpan.FromMilliseconds(50);

    /// <summary>Waits, at most five seconds, until all that has been taken out is given back; answers how many pieces of code are not.</summary>
    /// <param name="live">What is in the target.</param>
    /// <param name="draining">How many there are now.</param>
    /// <param name="unmapsEmpty">Whether regions that are empty by then are unmapped, too.</param>
    /// <param name="isWaitedFor">Whether what the caller waits for is among them still.</param>
    /// <param name="progress">Is told how many there are.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public static async Task<int> AwaitAsync(LiveCode live, int draining, bool unmapsEmpty, Func<bool> isWaitedFor, IProgress<string> progress, CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        while (draining > 0 && isWaitedFor() && clock.Elapsed < Patience && !cancellation.IsCancellationRequested)
        {
            progress.Report($"{draining} pieces of code may still have a thread in them");
            await Pause.For(Look, cancellation).ConfigureAwait(false);
            draining = live.Collect(unmapsEmpty);
        }
        return draining;
    }
}
