using System.CommandLine;
using System.Diagnostics;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Cli.Commands;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Tuning;
using KernOpt.Engine.Versions;
using KernOpt.Linux;
using KernOpt.Linux.Processes;
using KernOpt.Target;
using Spectre.Console;

namespace KernOpt.Cli.Demo;

/// <summary>
/// Starts Debian's perl with a small script, tunes it while it runs, shows what came of it and what the program's own clock says, and takes everything out.
/// Every figure that it shows was measured in this run.
/// </summary>
internal static class DemoRun
{
    public static async Task<int> RunAsync(CommandFrame frame, ParseResult parse, Terminal terminal, TimeSpan time, CancellationToken cancellation)
    {
        if (!DemoPolicy.Load().Try(out var policy, out var why)) return Terminal.Refuse(why);
        if (!frame.OpenJournal(parse).Try(out var journal, out why)) return Terminal.Refuse(why);
        using var opened = journal;
        if (!Workload.Start(time + TimeSpan.FromMinutes(2)).Try(out var workload, out why)) return Terminal.Refuse(why);
        using var started = workload;
        terminal.Say($"started {Workload.Description} as pid {workload.Pid}; it knows nothing of KernOpt");
        await Task.Delay(TimeSpan.FromSeconds(1), cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!ProcessTarget.Attach(workload.Pid).Try(out var process, out why)) return Terminal.Refuse(why);
        using var attached = process;
        if (!Session.Open(process, journal, process.TryLockForChange).Try(out var session, out why)) return Terminal.Refuse(why);
        using var working = session;
        session.Noted += new DecisionStory(terminal).Tell;
        var before = await workload.RateAsync(TimeSpan.FromSeconds(3), cancellation).ConfigureAwait(false);
        terminal.Say($"        before     {before:0.0} rounds a second by its own count");
        var tuned = await terminal.WithProgress($"tuning perl for {time.TotalSeconds:0} s", progress =>
            TuneHost.RunAsync(session, policy, time, progress, cancellation)).ConfigureAwait(false);
        if (!tuned.Try(out var report, out why)) return Terminal.Refuse(why);
        var after = await workload.RateAsync(TimeSpan.FromSeconds(3), cancellation).ConfigureAwait(false);
        var reverted = await InstalledVersions.RevertAsync(session, null, new Progress<string>(), CancellationToken.None).ConfigureAwait(false);
        if (!reverted.Try(out var taken, out why)) return Terminal.Refuse(why);
        var result = new DemoReport(report, before, after, after / before, taken);
        terminal.Show("demo", result, console =>
        {
            Tables.Tune(console, report);
            console.MarkupLineInterpolated($"the program's own clock: {before:0.0} rounds a second before, {after:0.0} after (one pair of measurements; the verdicts above are the evidence)");
            Tables.Revert(console, taken);
        });
        return report.Experiments.Any(e => e.Effect is not null) ? ExitCode.Done : ExitCode.Inconclusive;
    }
}

internal sealed record DemoReport(Engine.Reports.TuneReport Tune, double RoundsPerSecondBefore, double RoundsPerSecondAfter, double Ratio, Engine.Reports.TakenOutReport Reverted);
