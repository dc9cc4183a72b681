using System.Text.Json.Nodes;
using KernOpt.Target;

namespace KernOpt.Engine.Journaling;

/// <summary>What happened. The words in the database are these names with hyphens ("rolled-back"); numbers are not stored.</summary>
public enum JournalKind
{
    Started,
    Profiled,
    Chosen,
    Refused,
    Generated,
    Validated,
    Mismatch,
    Installed,
    AbWindow,
    Verdict,
    Kept,
    RolledBack,
    Reverted,
    Drift,
    Reclaimed,
    BackedOff,
    Finished,
}

/// <summary>One decision or observation with what it rests on. Facts of the past: entries are never changed.</summary>
public sealed record JournalEntry
{
    public required JournalKind Kind { get; init; }

    /// <summary><see cref="ITarget.Identity"/>.</summary>
    public required string Target { get; init; }

    /// <summary>For people: <see cref="ITarget.Name"/>.</summary>
    public string TargetName { get; init; } = "";

    /// <summary>Of the function's module, in hexadecimal; empty where it has none or no function is meant.</summary>
    public string BuildId { get; init; } = "";

    /// <summary>The function's stable name or symbol; empty where the target as a whole is meant.</summary>
    public string Function { get; init; } = "";

    /// <summary>The version's id as `kernopt list` shows it; empty where there is none yet.</summary>
    public string Version { get; init; } = "";

    /// <summary>Why; null where there is nothing to justify.</summary>
    public Reason? Reason { get; init; }

    /// <summary>One sentence for people.</summary>
    public required string Text { get; init; }

    /// <summary>The figures that it rests on. Not to be changed afterwards.</summary>
    public JsonObject Evidence { get; init; } = [];

    /// <summary>UTC; set by the journal where it is not given.</summary>
    public DateTimeOffset Time { get; init; }

    /// <summary>Its number in the journal, from 1, in order of writing; 0 before it is written.</summary>
    public long Id { get; init; }
}
