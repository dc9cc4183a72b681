using KernOpt.Engine.Journaling;
using KernOpt.Engine.Sessions;
using KernOpt.Live;
using KernOpt.Target;

namespace KernOpt.Engine.Versions;

/// <summary>What came of taking a version out. IsOff: no call goes to it any more; Problems: what could not be put right all the same.</summary>
internal sealed record TakenOut(bool IsOff, IReadOnlyList<Refusal> Problems)
{
    public string Told(string why) => Problems.Count == 0 ? why : $"{why}; {(IsOff ? "it is off, but" : "it is STILL IN USE")}: {string.Join("; ", Problems)}";
}

/// <summary>Takes a version out because of what was measured or learnt, and journals what came of it: "rolled back" only where no call goes to it any more.</summary>
internal static class TakingOut
{
    public static TakenOut Of(Session session, Redirect redirect, ulong version, string function, string why, Reason? reason = null)
    {
        var problems = new List<Refusal>();
        if (!redirect.Switch(Arm.Original).Try(out _, out var refused)) problems.Add(refused);
        if (session.Live.Revert(version).Try(out var report, out refused)) problems.AddRange(report.Problems);
        else problems.Add(refused);
        var taken = new TakenOut(redirect.Current.Id != version, problems);
        session.Note(taken.IsOff ? JournalKind.RolledBack : JournalKind.Refused, function, taken.Told(why), version, reason ?? (problems.Count > 0 ? problems[0].Reason : null));
        return taken;
    }
}
