using KernOpt.Code.Graphs;
using KernOpt.Engine.Journaling;
using KernOpt.Engine.Sessions;
using KernOpt.Optimize.Versions;

namespace KernOpt.Engine.Versions;

/// <summary>Leads direct callers that provably pass the bound values past the guard of a version.</summary>
internal static class CallSites
{
    /// <summary>Answers how many were bound. A caller of which nothing is proved is left alone; so is one whose call cannot be replaced by one store.</summary>
    public static int Bind(Session session, MadeVersion made, VersionPlan plan)
    {
        if (made.Installed.FullEntry is null || plan.Bindings.Count == 0) return 0;
        var bound = 0;
        foreach (var (caller, call) in session.CallersOf(plan.Graph.Function))
        {
            if (!session.Parse(caller).Try(out var graph, out _)) continue;
            // Whoever comes in behind the caller's start brings other values than its paths show.
            if (session.EntriesInto(graph).Any()) continue;
            var known = CallSiteConstants.At(graph, session.Live.Source, call);
            if (!plan.Bindings.All(b => known.Any(k => k.Argument == b.Argument && k.Bits >= b.Bits && Low(k.Value, b.Bits) == Low(b.Value, b.Bits)))) continue;
            if (!session.Live.RedirectCall(made.Redirect, made.Installed, call).Try(out _, out var why))
            {
                session.Note(JournalKind.Refused, caller.DisplayName, $"the call at {call.At} passes {plan.Text} but keeps its guard: {why}", made.Installed.Id, why.Reason);
                continue;
            }
            session.Note(JournalKind.Installed, caller.DisplayName, $"the call at {call.At} provably passes {plan.Text}: bound to version {made.Installed.Id} without a guard", made.Installed.Id);
            bound++;
        }
        return bound;
    }

    private static ulong Low(ulong value, int bits) => bits == 64 ? value : value & ((1UL << bits) - 1);
}
