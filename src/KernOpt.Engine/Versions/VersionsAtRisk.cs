using KernOpt.Engine.Sessions;
using KernOpt.Live;
using KernOpt.Target;

namespace KernOpt.Engine.Versions;

/// <summary>
/// Installed versions whose function may no longer run as a moved copy: a module that was loaded since may throw through it. Whether an exception can pass is a
/// matter of the whole program, so it is asked again whenever modules have come.
/// </summary>
internal static class VersionsAtRisk
{
    public static IReadOnlyList<(InstalledVersion Version, Refusal Why)> Of(Session session)
    {
        var found = new List<(InstalledVersion, Refusal)>();
        foreach (var version in session.Live.Versions.Where(v => !v.IsDraining && !v.IsInherited))
        {
            if (session.Program.FunctionAt(version.Function.Start) is not { } function || !session.Parse(function).Try(out var graph, out _)) continue;
            if (!MovingRules.Check(session, graph).Try(out _, out var why) && why.Reason == Reasons.ExceptionMayPass) found.Add((version, why));
        }
        return found;
    }
}
