using KernOpt.Engine.Journaling;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Target;

namespace KernOpt.Engine.Tuning;

/// <summary>What was not tried in one run, and why. A reason counts once for each function, however many rounds come to it again, and is journaled once.</summary>
internal sealed class NotTried(Session session)
{
    private readonly RefusalCount count = new();
    private readonly HashSet<(Reason Reason, string Function)> known = [];

    /// <param name="function">Empty: the target as a whole.</param>
    /// <param name="why">With its figures.</param>
    public void Add(string function, Refusal why)
    {
        if (!known.Add((why.Reason, function))) return;
        count.Add(why, function.Length > 0 ? function : session.Target.Name);
        session.Note(JournalKind.Refused, function, why.ToString(), reason: why.Reason);
    }

    public IReadOnlyList<RefusalRow> Rows() => count.Rows();
}
