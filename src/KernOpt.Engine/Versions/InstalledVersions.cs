using KernOpt.Engine.Journaling;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Live;
using KernOpt.Live.Text;
using KernOpt.Target;

namespace KernOpt.Engine.Versions;

/// <summary>What is in a target, and taking it out; all from the log that the target carries.</summary>
public static class InstalledVersions
{
    public static ListReport List(Session session)
    {
        var redirects = session.Live.Redirects.ToDictionary(r => r.Id);
        var rows = session.Live.Versions.Select(v =>
        {
            var redirect = redirects.GetValueOrDefault(v.RedirectId);
            var function = session.Program.FunctionAt(v.Function.Start)?.DisplayName ?? v.FunctionName;
            return new InstalledRow(v.Id, v.Kind.ToString(), function, v.Text, StateOf(v, redirect), (int)v.Code.Length, (long)v.GuardMisses, (long)v.Calls, v.Created.ToString("u"));
        });
        var points = session.Live.Points.Select(p => new InstalledRow(p.Id, "Points", p.FunctionName, $"{p.Points} x {p.Text}", p.IsDraining ? "draining" : "active", (int)p.Code.Length, 0,
            (long)Enumerable.Range(0, p.Points).Aggregate(0UL, (sum, i) => unchecked(sum + p.Word(i, 0))), p.Created.ToString("u")));
        return new ListReport(session.Target.Name, [.. rows.Concat(points).OrderBy(r => r.Id)], session.Live.Regions.Sum(r => r.Changes));
    }

    /// <summary>Leads every redirected function to its newest version, or to its original. A copy that counts its blocks, left by a kill, is no version to switch to.</summary>
    public static Outcome<ListReport> SwitchAll(Session session, bool isOn)
    {
        if (!session.Change().Try(out var live, out var why)) return why;
        foreach (var redirect in live.Redirects.Where(r => !r.IsDraining))
        {
            if (redirect.Versions.LastOrDefault(v => v.Kind != VersionKind.Counting) is not { } newest) continue;
            if (!redirect.Switch(isOn ? Arm.Version(newest.Id) : Arm.Original).Try(out _, out why)) return why;
        }
        return List(session);
    }

    /// <summary>Takes one version out, or everything.</summary>
    public static async Task<Outcome<TakenOutReport>> RevertAsync(Session session, ulong? id, IProgress<string> progress, CancellationToken cancellation)
    {
        if (!session.Change().Try(out var live, out var why)) return why;
        var before = Installed(live).Count;
        if (id is { } one && !IsInside(live, one)) return NotInstalled(one, Installed(live));
        RevertReport report;
        if (id is null) report = live.RevertAll();
        else if (!live.Revert(id.Value).Try(out report!, out why)) return why;
        // Other things may drain for long; a version that is asked for by its id waits for itself only.
        var draining = await Drain.AwaitAsync(live, report.Draining, unmapsEmpty: id is null, () => id is null || IsInside(live, id), progress, cancellation).ConfigureAwait(false);
        var (differences, notCompared) = TextCheck.CompareAll(session.Target);
        session.Note(JournalKind.Reverted, "", id is null ? "everything was taken out" : $"{id} was taken out", id ?? 0);
        var remaining = Installed(live).Count;
        // Where others stay installed, the text differs because of them.
        var unexpected = remaining == 0 ? differences.Select(d => $"text differs from the file's at {d.Range}") : [];
        return new TakenOutReport(session.Target.Name, before - remaining, remaining, report.Problems.Count == 0 && !IsInside(live, id), differences.Count == 0,
            [.. report.Problems.Select(p => p.ToString()), .. draining > 0 ? [$"{draining} pieces of code may still have a thread in them; they stay until a later revert"] : Array.Empty<string>(), .. unexpected, .. notCompared.Select(n => n.ToString())]);
    }

    /// <summary>What list shows and revert takes.</summary>
    private static List<Installed> Installed(LiveCode live) => [.. live.Versions, .. live.Points];

    private static bool IsInside(LiveCode live, ulong? id) => Installed(live).Exists(v => id is null || v.Id == id);

    private static Refusal NotInstalled(ulong id, List<Installed> installed) => Reasons.NoSuchVersion.With(
        installed.Count == 0 ? $"{id}; nothing is installed" : $"{id}; installed are: {string.Join(", ", installed.Select(v => v.Id))}");

    private static string StateOf(InstalledVersion version, Redirect? redirect)
    {
        if (version.IsDraining) return "draining";
        if (redirect is null) return "unreachable";
        var arm = redirect.Current;
        return arm.Id == version.Id ? "active" : "off";
    }
}
