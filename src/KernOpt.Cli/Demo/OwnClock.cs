using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Target;

namespace KernOpt.Cli.Demo;

/// <summary>
/// What the program's own count says of all that was kept together: short windows with everything switched on and off by turns, so that a machine that gets
/// busier or slower meanwhile does it to both. Nothing samples or counts in any of them.
/// </summary>
internal static class OwnClock
{
    private const int Pairs = 6;
    private static readonly TimeSpan Window = TimeSpan.FromMilliseconds(500), Settling = TimeSpan.FromMilliseconds(20);

    /// <summary>The medians of both; all is switched on when it ends. Zeros when it was interrupted.</summary>
    public static async Task<Outcome<OwnRates>> CompareAsync(Session session, Workload workload, CancellationToken cancellation)
    {
        var (on, off) = (new List<double>(), new List<double>());
        for (var window = 0; window < 2 * Pairs && !cancellation.IsCancellationRequested; window++)
        {
            // off on, on off, off on …
            var isOn = window % 4 is 1 or 2;
            if (!InstalledVersions.SwitchAll(session, isOn).Try(out _, out var why)) return why;
            await Task.Delay(Settling, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            (isOn ? on : off).Add(await workload.RateAsync(Window, cancellation).ConfigureAwait(false));
        }
        if (!InstalledVersions.SwitchAll(session, isOn: true).Try(out _, out var refused)) return refused;
        if (cancellation.IsCancellationRequested) return new OwnRates(0, 0, 0, 0);
        var ratios = on.Zip(off, (with, without) => with / without).ToList();
        return new OwnRates(Median(off), Median(on), ratios.Min(), ratios.Max());
    }

    private static double Median(List<double> values)
    {
        values.Sort();
        var middle = values.Count / 2;
        return values.Count % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    }
}

/// <summary>Rounds a second of the program's own count, with all that was kept switched off and on; the smallest and the largest ratio of a pair of windows.</summary>
internal sealed record OwnRates(double Off, double On, double LowestRatio, double HighestRatio);
