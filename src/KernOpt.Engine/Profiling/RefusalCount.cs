using KernOpt.Engine.Reports;
using KernOpt.Target;

namespace KernOpt.Engine.Profiling;

/// <summary>Counts refusals by reason and keeps some examples of each. May be used by several threads.</summary>
public sealed class RefusalCount(int examples = 4)
{
    private readonly Dictionary<Reason, (long Count, List<string> Examples, string? Detail)> counts = [];
    private readonly Lock gate = new();

    public void Add(Refusal refusal, string subject)
    {
        lock (gate)
        {
            var (count, names, detail) = counts.TryGetValue(refusal.Reason, out var known) ? known : (0, [], refusal.Detail.Length > 0 ? refusal.Detail : null);
            if (names.Count < examples && !names.Contains(subject)) names.Add(subject);
            counts[refusal.Reason] = (count + 1, names, detail);
        }
    }

    /// <summary>Most frequent first.</summary>
    public IReadOnlyList<RefusalRow> Rows()
    {
        lock (gate) return [.. counts.OrderByDescending(c => c.Value.Count).ThenBy(c => c.Key.Number).Select(c => new RefusalRow(c.Key, c.Value.Count, [.. c.Value.Examples], c.Value.Detail))];
    }
}
