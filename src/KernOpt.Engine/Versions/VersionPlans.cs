using System.Collections.Immutable;
using KernOpt.Code.Graphs;
using KernOpt.Engine.Sessions;
using KernOpt.Live;
using KernOpt.Optimize.Guards;
using KernOpt.Optimize.Versions;
using KernOpt.Target;
using KernOpt.Validate;

namespace KernOpt.Engine.Versions;

/// <summary>The three kinds of version, as plans. Seeds are arguments that were seen live; validation begins with them.</summary>
internal static class VersionPlans
{
    /// <param name="forCallSites">With an entry that has no guard, for callers that provably pass the bound values.</param>
    public static VersionPlan Specialized(Session session, FunctionGraph graph, IReadOnlyList<EntryBinding> bindings, bool forCallSites, ImmutableArray<ArgumentTuple> seeds)
    {
        var results = session.ResultsOf(graph.Function);
        return new(VersionKind.Specialized, graph, (redirect, guard) => EntersBefore(session, graph, redirect.Site) is { } entry
            ? Reasons.EnteredBeforeSite.With($"{entry} in {graph.Function}")
            : VersionBuilder.Specialize(graph, session.Live.Source, redirect.Site, bindings, guard, forCallSites, results)) { Bindings = bindings, Seeds = seeds, Results = results };
    }

    public static VersionPlan Outlined(FunctionGraph graph, IReadOnlyDictionary<Address, long> counts, ImmutableArray<ArgumentTuple> seeds) =>
        new(VersionKind.Outlined, graph, (redirect, _) => VersionBuilder.Outline(graph, redirect.Site, counts)) { Seeds = seeds };

    public static VersionPlan Relocated(FunctionGraph graph, ImmutableArray<ArgumentTuple> seeds) =>
        new(VersionKind.Relocated, graph, (redirect, _) => VersionBuilder.Identity(graph, redirect.Site)) { Seeds = seeds };

    /// <summary>Where other code comes in behind the function's start and not behind the site: it arrives there without what runs in front.</summary>
    private static Address? EntersBefore(Session session, FunctionGraph graph, Address site) =>
        session.EntriesInto(graph).Where(e => e > graph.Function.Start && e <= site).Cast<Address?>().FirstOrDefault();
}
