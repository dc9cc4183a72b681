using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Engine.Sessions;
using KernOpt.Live;
using KernOpt.Target;

namespace KernOpt.Engine.Versions;

/// <summary>A function's redirection, and whether it was made for this purpose and is to be taken out again when nothing else needs it.</summary>
public sealed record Redirection(Redirect Redirect, bool IsNew)
{
    /// <summary>
    /// The redirection of a function; made, with the switch at the original, where there is none. Refused when the function may not be moved or has no site. The
    /// session must have claimed the target.
    /// </summary>
    public static Outcome<Redirection> Of(Session session, FunctionGraph graph, IReadOnlyCollection<Register>? needed = null)
    {
        if (session.Live.RedirectOf(graph.Function.Start) is { } existing) return LiveCode.Reuse(existing).Then<Redirection>(r => new Redirection(r, false));
        return session.Live.Sites.Choose(graph, needed)
            .Then(site => session.Live.RedirectFunction(graph, site))
            .Then<Redirection>(redirect => new Redirection(redirect, true));
    }

    /// <summary>Takes a redirection that was made for this purpose out again, unless a version has come to use it.</summary>
    public void ReleaseIfUnused(Session session)
    {
        if (IsNew && Redirect.Versions.Count == 0 && Redirect.Probes.Count == 0) session.Live.Revert(Redirect.Id);
    }
}
