using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Policies;
using KernOpt.Engine.Tuning;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt tune: the closed loop.</summary>
internal static class TuneCommand
{
    public static Command Create(CommandFrame frame)
    {
        var policy = new Option<string?>("--policy") { Description = "What may be tried, where, and at what cost (default: policies/default.yaml)", HelpName = "FILE" };
        var duration = Durations.Option("--for", TimeSpan.FromSeconds(60), "How long to tune; what was kept stays");
        return frame.OnTarget("tune", "The closed loop: measure, choose, generate, install, compare, keep or roll back", [policy, duration], async run =>
        {
            if (!PolicyFiles.Load(run.Parse.GetValue(policy)).Try(out var rules, out var why)) return run.Terminal.Refuse(why);
            var outcome = await run.Terminal.WithProgress($"tuning {run.Session.Target.Name}", progress =>
                TuneHost.RunAsync(run.Session, rules, run.Parse.GetValue(duration), progress, run.Cancellation)).ConfigureAwait(false);
            if (!outcome.Try(out var report, out why)) return run.Terminal.Refuse(why);
            run.Terminal.Show("tune", report, console => Tables.Tune(console, report));
            return ExitCode.Done;
        });
    }
}
