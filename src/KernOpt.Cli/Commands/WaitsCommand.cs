using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Waiting;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt waits: how long threads wait for locks.</summary>
internal static class WaitsCommand
{
    public static Command Create(CommandFrame frame)
    {
        var duration = Durations.Option("--for", TimeSpan.FromSeconds(10), "How long");
        var least = Numbers.Option("--least", 2, 0, 1_000_000, "Calls that last this many microseconds or more are waits; shorter ones are only counted");
        var top = Numbers.Option("--top", 20, 1, int.MaxValue, "Show this many locks, the longest waited for first; --json has all");
        return frame.OnTarget("waits", "Time that threads wait on mutexes and futexes, by lock and by caller", [duration, least, top], async run =>
        {
            var time = duration.In(run.Parse);
            var outcome = await run.Terminal.WithProgress($"measuring waits for {time.TotalSeconds:0.###} s", progress =>
                WaitsRun.RunAsync(run.Session, time, TimeSpan.FromMicroseconds(run.Parse.GetValue(least)), progress, run.Cancellation)).ConfigureAwait(false);
            if (!outcome.Try(out var report, out var why)) return Terminal.Refuse(why);
            run.Terminal.Show("waits", report, console => Tables.Waits(console, report, run.Parse.GetValue(top)));
            return report.Functions.Any(f => f.Calls > 0) || report.Waiting.Count > 0 ? ExitCode.Done : ExitCode.Inconclusive;
        });
    }
}
