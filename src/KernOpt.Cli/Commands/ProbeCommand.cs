using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Probing;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt probe: counts how often instructions are reached.</summary>
internal static class ProbeCommand
{
    public static Command Create(CommandFrame frame)
    {
        var at = new Option<string[]>("--at")
        {
            Description = "FUNC, FUNC+0xOFF, FUNC:entry, FUNC:exit (returns and tail jumps), FUNC:blocks (each basic block); GLOB:entry, GLOB:exit, GLOB:blocks with * and ?; may be given again",
            HelpName = "PLACE",
            Required = true,
            AllowMultipleArgumentsPerToken = true,
        };
        var action = new Option<string>("--do") { Description = "What happens there: count", HelpName = "ACTION", DefaultValueFactory = _ => "count" };
        action.AcceptOnlyFromAmong("count");
        var duration = Durations.Option("--for", TimeSpan.FromSeconds(10), "How long");
        var top = Numbers.Option("--top", 40, 1, int.MaxValue, "Show this many places, the most counted first; --json has all");
        return frame.OnTarget("probe", "Count how often instructions are reached, exactly", [at, action, duration, top], async run =>
        {
            var time = duration.In(run.Parse);
            var outcome = await run.Terminal.WithProgress($"probing for {time.TotalSeconds:0.###} s", progress =>
                ProbeRun.CountAsync(run.Session, run.Parse.GetRequiredValue(at), time, progress, run.Cancellation)).ConfigureAwait(false);
            if (!outcome.Try(out var report, out var why)) return Terminal.Refuse(why);
            run.Terminal.Show("probe", report, console => Tables.Probe(console, report, run.Parse.GetValue(top)));
            return report.Rows.Any(r => r.Count > 0) ? ExitCode.Done : ExitCode.Inconclusive;
        });
    }
}
