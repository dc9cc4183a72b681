using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Comparing;
using KernOpt.Engine.Journaling;
using KernOpt.Measure.Comparing;
using KernOpt.Target;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt ab: original against version on live traffic.</summary>
internal static class AbCommand
{
    public static Command Create(CommandFrame frame)
    {
        var id = Numbers.Id("A version's id, as list shows it");
        var duration = Durations.Option("--for", TimeSpan.FromSeconds(20), "How long to compare at most");
        var window = Durations.Option("--window", TimeSpan.FromMilliseconds(200), "Length of one window");
        var self = new Option<bool>("--a-a") { Description = "Compare the original with itself: must find no difference" };
        var svg = new Option<string?>("--svg") { Description = "Also draw the blocks' ratios and the interval into this file", HelpName = "FILE" };
        Outcome<AbConditions> Conditions(ParseResult parse) => OutputFile.Check(parse.GetValue(svg))
            .Then(_ => AbRunner.StandardConditions(duration.In(parse), window.In(parse)))
            .Then<AbConditions>(standard => standard with { IsSelf = parse.GetValue(self) });
        return frame.OnTarget("ab", "Original against version: verdict, effect, interval", [id, duration, window, self, svg], Conditions, async (run, conditions) =>
        {
            var outcome = await run.Terminal.WithProgress($"comparing version {run.Parse.GetValue(id)} for up to {conditions.Longest.TotalSeconds:0} s", progress =>
                AbRunner.RunAsync(run.Session, run.Parse.GetValue(id), conditions, progress, run.Cancellation)).ConfigureAwait(false);
            if (!outcome.Try(out var result, out var why)) return Terminal.Refuse(why);
            run.Session.Note(JournalKind.Verdict, result.Report.Function, $"{(conditions.IsSelf ? "the original against itself: " : "")}{result.Verdict}",
                result.Report.Id, evidence: Evidence.Of(result.Verdict));
            if (run.Parse.GetValue(svg) is { } file && !Pictures.Write(file, result, conditions.Settings).Try(out _, out why)) return Terminal.Refuse(why);
            run.Terminal.Show("ab", result.Report, console => Tables.Ab(console, result.Report));
            return result.Verdict.Kind switch
            {
                VerdictKind.Slower => ExitCode.Regression,
                VerdictKind.Inconclusive => ExitCode.Inconclusive,
                _ => ExitCode.Done,
            };
        });
    }
}
