using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Live;
using KernOpt.Optimize.Versions;
using KernOpt.Target;

namespace KernOpt.Engine.Profiling;

/// <summary>Counts how often each block of a function is run, by a moved copy that counts, for a time.</summary>
public static class BlockProfiler
{
    /// <summary>Executions by the start of each block. The session must have claimed the target.</summary>
    public static async Task<Outcome<IReadOnlyDictionary<Address, long>>> RunAsync(Session session, FunctionGraph graph, TimeSpan time, IProgress<string> progress, CancellationToken cancellation)
    {
        if (!Redirection.Of(session, graph).Try(out var redirection, out var why)) return why;
        var redirect = redirection.Redirect;
        var before = redirect.Current;
        try
        {
            if (!session.Live.AddBlockCounter(redirect, graph).Try(out var counter, out why)) return why;
            try
            {
                if (!redirect.Switch(Arm.Version(counter.Id)).Try(out _, out why)) return why;
                progress.Report($"{graph.Function}: counting blocks");
                await Pause.For(time, cancellation).ConfigureAwait(false);
                return new Dictionary<Address, long>(counter.Counts());
            }
            finally
            {
                redirect.Switch(before);
                session.Live.Revert(counter.Id);
            }
        }
        finally
        {
            redirection.ReleaseIfUnused(session);
        }
    }
}
