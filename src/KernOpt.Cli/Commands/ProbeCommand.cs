using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Probing;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt probe: code before instructions, for a while.</summary>
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
        var action = new Option<string>("--do")
        {
            Description = "What happens there: count; fast-count; time how long calls last; values(VALUE, ...) how often each value occurs; trace or trace(VALUE, ...) a record of each passage",
            HelpName = "ACTION",
            DefaultValueFactory = _ => "count",
        };
        var when = new Option<string[]>("--when")
        {
            Description = "Only where this holds, as in 'arg0 == 16 && every(100)'; given again, all must hold. VALUE: numbers, arg0 to arg5, registers, caller, tid, u32[ADDRESS], u8(VALUE), + - * & | ^ << >> ~; "
                + "PREDICATE: == != < <= > >= && || !, every(N), called_from(FUNC)",
            HelpName = "PREDICATE",
        };
        var duration = Durations.Option("--for", TimeSpan.FromSeconds(10), "How long");
        var top = Numbers.Option("--top", 40, 1, int.MaxValue, "Show this many places, the most counted first; --json has all");
        return frame.OnTarget("probe", "Count, profile or trace what happens before instructions", [at, action, when, duration, top], async run =>
        {
            var time = duration.In(run.Parse);
            var request = new ProbeRequest(run.Parse.GetRequiredValue(at), run.Parse.GetRequiredValue(action), run.Parse.GetValue(when) ?? []);
            var outcome = await run.Terminal.WithProgress($"probing for {time.TotalSeconds:0.###} s", progress =>
                ProbeRun.RunAsync(run.Session, request, time, progress, run.Cancellation)).ConfigureAwait(false);
            if (!outcome.Try(out var report, out var why)) return Terminal.Refuse(why);
            run.Terminal.Show("probe", report, console => Tables.Probe(console, report, run.Parse.GetValue(top)));
            return report.Rows.Any(r => r.Count > 0) ? ExitCode.Done : ExitCode.Inconclusive;
        });
    }
}
