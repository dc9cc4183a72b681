using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Journaling;
using KernOpt.Target;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt explain: every decision on a target or a version, with its evidence, from the journal.</summary>
internal static class ExplainCommand
{
    public static Command Create(CommandFrame frame)
    {
        var id = Numbers.OptionalId("Only this version");
        return frame.OnTarget("explain", "What was decided, when and why, with the evidence", [id], run =>
        {
            var outcome = run.Session.Journal.Read(run.Session.Target.Identity, run.Parse.GetValue(id)?.ToString());
            if (!outcome.Try(out var entries, out var why)) return Task.FromResult(Terminal.Refuse(why));
            if (entries.Count == 0 && run.Parse.GetValue(id) is { } one) return Task.FromResult(Terminal.Refuse(Reasons.NoSuchVersion.With($"{one}; the journal knows of none in {run.Session.Target.Name}")));
            run.Terminal.Show("explain", JournalStory.ToJson(entries), console => console.Write(new Spectre.Console.Text(JournalStory.Tell(entries) + "\n")));
            return Task.FromResult(ExitCode.Done);
        });
    }
}
