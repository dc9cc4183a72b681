using KernOpt.Target;

namespace KernOpt.Engine.Sessions;

/// <summary>
/// Why the work ends when the target is no more. A command that was launched shares the terminal's process group with us: a Ctrl-C ends it too, perhaps before
/// our own handler has run, and is then the reason.
/// </summary>
internal static class Ending
{
    private static readonly TimeSpan SignalsArrive = TimeSpan.FromMilliseconds(100);

    public static async Task<Refusal> OfAsync(Session session, CancellationToken cancellation)
    {
        await Pause.For(SignalsArrive, cancellation).ConfigureAwait(false);
        return cancellation.IsCancellationRequested ? Reasons.Interrupted.With($"{session.Target.Name} has ended too") : Reasons.TargetEnded.With(session.Target.Name);
    }
}
