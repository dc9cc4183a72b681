using System.Collections.Immutable;
using KernOpt.Code.Graphs;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Live;
using KernOpt.Optimize.Guards;
using KernOpt.Target;
using KernOpt.Validate;

namespace KernOpt.Engine.Versions;

/// <summary>Versions on request of a person: made, validated, installed, and switched to.</summary>
public static class VersionMaker
{
    /// <summary>Long enough to see real arguments of a function that is worth the trouble.</summary>
    private static readonly TimeSpan SeedTime = TimeSpan.FromMilliseconds(300);

    /// <summary>Half as many again as validation runs on.</summary>
    private const int EnoughSeeds = 300;

    public static async Task<Outcome<VersionReport>> SpecializeAsync(Session session, string name, IReadOnlyList<EntryBinding> bindings, IProgress<string> progress, CancellationToken cancellation)
    {
        if (!Movable(session, name).Try(out var graph, out var why)) return why;
        // Before the target is touched: a binding that is no argument is the user's mistake.
        if (!Optimize.Guards.Bindings.Check(graph, bindings).Try(out var accepted, out why)) return why;
        if (!session.Change().Try(out _, out why)) return why;
        progress.Report("reading live arguments");
        if (!(await SeedsAsync(session, graph, progress, cancellation).ConfigureAwait(false)).Try(out var seeds, out why)) return why;
        return await InstallAsync(session, VersionPlans.Specialized(session, graph, accepted, forCallSites: true, seeds), progress, cancellation).ConfigureAwait(false);
    }

    public static async Task<Outcome<VersionReport>> OutlineAsync(Session session, string name, TimeSpan time, IProgress<string> progress, CancellationToken cancellation)
    {
        if (!Movable(session, name).Try(out var graph, out var why)) return why;
        if (!session.Change().Try(out _, out why)) return why;
        if (!(await SeedsAsync(session, graph, progress, cancellation).ConfigureAwait(false)).Try(out var seeds, out why)) return why;
        if (!(await BlockProfiler.RunAsync(session, graph, seeds, new ValidationLimits(), time, progress, cancellation).ConfigureAwait(false)).Try(out var counts, out why)) return why;
        return await InstallAsync(session, VersionPlans.Outlined(graph, counts, seeds), progress, cancellation).ConfigureAwait(false);
    }

    /// <summary>The identity version. The session must have claimed the target.</summary>
    public static async Task<Outcome<VersionReport>> RelocateAsync(Session session, FunctionGraph graph, IProgress<string> progress, CancellationToken cancellation)
    {
        if (!(await SeedsAsync(session, graph, progress, cancellation).ConfigureAwait(false)).Try(out var seeds, out var why)) return why;
        return Install(session, VersionPlans.Relocated(graph, seeds), cancellation);
    }

    /// <summary>The function's graph, when it may be moved at all.</summary>
    public static Outcome<FunctionGraph> Movable(Session session, string name) =>
        session.ParseNamed(name).Then(graph => MovingRules.Check(session, graph).Then<FunctionGraph>(_ => graph));

    private static async Task<Outcome<ImmutableArray<ArgumentTuple>>> SeedsAsync(Session session, FunctionGraph graph, IProgress<string> progress, CancellationToken cancellation)
    {
        if (!(await ValueProfiler.RunAsync(session, graph, SeedTime, 16, progress, cancellation, EnoughSeeds).ConfigureAwait(false)).Try(out var values, out var why)) return why;
        return values.Seeds;
    }

    private static async Task<Outcome<VersionReport>> InstallAsync(Session session, VersionPlan plan, IProgress<string> progress, CancellationToken cancellation)
    {
        progress.Report("validating");
        return await Task.Run(() => Install(session, plan, cancellation), CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Profiles that were cut short are no ground for a version, and a version that nobody waits for any more is not switched to.</summary>
    private static Outcome<VersionReport> Install(Session session, VersionPlan plan, CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested) return Reasons.Interrupted.With("nothing was installed");
        var needed = plan.Bindings.Select(b => b.Argument).ToList();
        if (!Redirection.Of(session, plan.Graph, needed).Try(out var redirection, out var why)) return why;
        if (!VersionInstaller.Install(session, redirection.Redirect, plan).Try(out var made, out why))
        {
            redirection.ReleaseIfUnused(session);
            return why;
        }
        if (cancellation.IsCancellationRequested)
        {
            session.Live.Revert(made.Installed.Id);
            redirection.ReleaseIfUnused(session);
            return Reasons.Interrupted.With("what had been installed was taken out again");
        }
        var calls = CallSites.Bind(session, made, plan);
        return made.Redirect.Switch(Arm.Version(made.Installed.Id)).Then<VersionReport>(_ => made.Report(session, plan.Graph, plan.Text, calls));
    }
}
