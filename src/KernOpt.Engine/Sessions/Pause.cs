namespace KernOpt.Engine.Sessions;

internal static class Pause
{
    /// <summary>Waits, or returns at once when it is cancelled: the caller looks at its token.</summary>
    public static async Task For(TimeSpan time, CancellationToken cancellation)
    {
        if (time <= TimeSpan.Zero) return;
        await Task.Delay(time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
