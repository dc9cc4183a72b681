using KernOpt.Measure.Statistics;

namespace KernOpt.Engine.Blaming;

/// <summary>
/// A function or system call in the tree: as called from its parent. Share: of the root's time. What was found when it was looked into is null until then, and WhyNot says why it never was.
/// </summary>
public sealed class BlameNode(Callee callee, BlameNode? parent, bool isTail, RatioOfSums share, double callsPerSecond, double? meanNanoseconds)
{
    private readonly List<BlameNode> children = [];

    public Callee Callee => callee;
    public BlameNode? Parent => parent;
    public bool IsTail => isTail;
    public RatioOfSums Share { get; internal set; } = share;

    /// <summary>By the parent, in all threads.</summary>
    public double CallsPerSecond { get; internal set; } = callsPerSecond;

    /// <summary>Null where no call ended.</summary>
    public double? MeanNanoseconds { get; internal set; } = meanNanoseconds;

    public int Depth => parent is null ? 0 : parent.Depth + 1;
    public Breakdown? Breakdown { get; private set; }
    public string? WhyNot { get; internal set; }

    /// <summary>Of the root's time, what it called taken off; null until it was looked into.</summary>
    public RatioOfSums? Own { get; private set; }

    /// <summary>Most time first.</summary>
    public IReadOnlyList<BlameNode> Children => children;

    public bool IsRecursive
    {
        get
        {
            for (var above = parent; above is not null; above = above.Parent)
            {
                if (above.Callee == callee) return true;
            }
            return false;
        }
    }

    /// <summary>Who a call of it returns to: a function that ends with a jump to it is left out.</summary>
    public BlameNode? Caller => isTail ? parent?.Caller : parent;

    /// <summary>What its caller calls: itself, or what ended with a jump to it.</summary>
    public Callee Via => isTail && parent is not null ? parent.Via : callee;

    /// <summary>The shares of what it called follow from its own, and from their parts of its time.</summary>
    internal void Found(Breakdown breakdown)
    {
        Breakdown = breakdown;
        var whole = breakdown.Inside;
        List<double> own = [.. whole.Select((seconds, slice) => seconds - breakdown.Parts.Sum(p => p.Seconds[slice]))];
        Own = Share.Times(RatioOfSums.Of(own, whole));
        children.AddRange(breakdown.Parts.Select(p => new BlameNode(p.Callee, this, p.IsTail, Share.Times(RatioOfSums.Of(p.Seconds, whole)),
            p.Calls / breakdown.Seconds, p.Calls == 0 ? null : p.Seconds.Sum() / p.Calls * 1e9)).OrderByDescending(c => c.Share.Value));
    }
}
