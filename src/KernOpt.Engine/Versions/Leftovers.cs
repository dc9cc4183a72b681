using KernOpt.Engine.Journaling;
using KernOpt.Engine.Sessions;
using KernOpt.Live;
using KernOpt.Target;

namespace KernOpt.Engine.Versions;

/// <summary>
/// What a kernopt that was ended in the middle of measuring left on: an arm that counts calls, a probe, a copy that counts its blocks. None of these was
/// anybody's decision, so the switch goes back to the original. A version that the switch stands at without counting was somebody's decision and stays.
/// </summary>
internal static class Leftovers
{
    /// <summary>The session must have claimed the target, and nothing of it may be measuring.</summary>
    public static void SetBack(Session session)
    {
        TakeOutPoints(session);
        foreach (var redirect in session.Live.Redirects.Where(r => !r.IsDraining && !r.IsInherited))
        {
            var arm = redirect.Current;
            var counting = redirect.Versions.Where(v => v.Kind == VersionKind.Counting).Select(v => v.Id).ToList();
            if (arm.AtRest == arm && !counting.Contains(arm.Id)) continue;
            var isBack = redirect.Switch(Arm.Original).Try(out _, out var why);
            session.Note(isBack ? JournalKind.RolledBack : JournalKind.Refused, redirect.FunctionName,
                isBack ? $"the switch stood at {arm}, where an earlier kernopt only measured: set back to the original" : $"the switch stands at {arm} and cannot be set back: {why}",
                arm.Id, isBack ? Reasons.OnlyMeasured : why!.Reason);
            if (!isBack) continue;
            foreach (var id in counting.Concat(redirect.Probes.Select(p => p.Id)).ToList()) session.Live.Revert(id);
        }
    }

    /// <summary>Whoever put them in is gone, or would hold the claim. The same holds of the session.</summary>
    public static void TakeOutPoints(Session session)
    {
        foreach (var points in session.Live.Points.Where(p => !p.IsDraining && !p.IsInherited))
        {
            var isOut = session.Live.Revert(points.Id).Try(out var report, out var why) && report.IsTextRestored;
            session.Note(isOut ? JournalKind.RolledBack : JournalKind.Refused, points.FunctionName,
                isOut ? $"{points.Points} points of an earlier kernopt, which only measured, were taken out" : $"{points.Points} points of an earlier kernopt cannot be taken out: {why ?? report!.Problems[0]}",
                points.Id, Reasons.OnlyMeasured);
        }
    }
}
