using System.Diagnostics;
using KernOpt.Engine.Journaling;

namespace KernOpt.Cli.Output;

/// <summary>Tells, as it happens, what the loop decides: the journal's entries, with the time since it began to listen.</summary>
internal sealed class DecisionStory(Terminal terminal)
{
    private readonly Stopwatch clock = Stopwatch.StartNew();

    public void Tell(JournalEntry entry)
    {
        if (WordFor(entry.Kind) is not { } word) return;
        var subject = entry.Function.Length > 0 ? $"{entry.Function}: " : "";
        terminal.Say($"{clock.Elapsed.TotalSeconds,5:0.0} s  {word,-9}  {subject}{entry.Text}");
    }

    private static string? WordFor(JournalKind kind) => kind switch
    {
        JournalKind.Profiled => "profiled",
        JournalKind.Chosen => "hot",
        JournalKind.Refused => "refused",
        JournalKind.Mismatch => "differs",
        JournalKind.Validated => "validated",
        JournalKind.Installed => "installed",
        JournalKind.Verdict => "compared",
        JournalKind.Kept => "kept",
        JournalKind.RolledBack => "taken out",
        JournalKind.Drift => "watched",
        _ => null,
    };
}
