using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Policies;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Tuning;
using KernOpt.Engine.Versions;
using KernOpt.Linux;
using KernOpt.Target;
using Spectre.Console;

namespace KernOpt.Cli.Demo;

/// <summary>
/// Starts Debian's perl with a small script, tunes it while it runs, shows what came of it and what the program's own clock says, and takes everything out,
/// also when it is interrupted. Every figure that it shows was measured in this run.
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
        if (!Session.Open(process, journal).Try(out var session, out why)) return Terminal.Refuse(why);
        using var working = session;
        session.Noted += new DecisionStory(terminal).Tell;
        if (!(await ReportAsync(session, workload, policy, terminal, time, cancellation).ConfigureAwait(false)).Try(out var report, out why)) return Terminal.Refuse(why);
        terminal.Show("demo", report, console => Draw(console, report));
        return !report.IsInterrupted && report.Tune.Experiments.Any(e => e.Effect is not null) ? ExitCode.Done : ExitCode.Inconclusive;
    }

    private static async Task<Outcome<DemoReport>> ReportAsync(Session session, Workload workload, Policy policy, Terminal terminal, TimeSpan time, CancellationToken cancellation)
    {
        var tuned = await terminal.WithProgress($"tuning perl for {time.TotalSeconds:0} s", progress =>
            TuneHost.RunAsync(session, policy, time, progress, cancellation)).ConfigureAwait(false);
        if (!tuned.Try(out var tune, out var why)) return why;
        OwnRates? rates = null;
        if (tune.Experiments.Any(e => e.Outcome == "kept") && !cancellation.IsCancellationRequested)
        {
            terminal.Say("asking the program's own count, with everything switched on and off by turns");
            var compared = await OwnClock.CompareAsync(session, workload, cancellation).ConfigureAwait(false);
            if (!compared.Try(out rates, out why)) return why;
            if (cancellation.IsCancellationRequested) rates = null;
        }
        var reverted = await InstalledVersions.RevertAsync(session, null, new Progress<string>(), CancellationToken.None).ConfigureAwait(false);
        return reverted.Then<DemoReport>(taken => new DemoReport(tune, cancellation.IsCancellationRequested, rates?.Off, rates?.On, rates?.On / rates?.Off, rates?.LowestRatio, rates?.HighestRatio, taken));
    }

    private static void Draw(IAnsiConsole console, DemoReport report)
    {
        Tables.Tune(console, report.Tune);
        if (report.IsInterrupted) console.WriteLine("interrupted: this is what was decided until then; everything is taken out");
        else if (report is { RoundsPerSecondOff: { } off, RoundsPerSecondOn: { } on })
        {
            console.MarkupLineInterpolated($"the program's own count: {off:0.0} rounds a second with everything switched off, {on:0.0} with everything switched on (medians of short windows by turns; pairs of them from {report.LowestRatio:0.00} to {report.HighestRatio:0.00} times)");
            if (report is { LowestRatio: < 1, HighestRatio: > 1 }) console.WriteLine("that is too uneven to tell a difference by; the verdicts above rest on many more windows");
        }
        else console.WriteLine("nothing was kept, so nothing changed");
        Tables.Revert(console, report.Reverted);
    }
}

/// <summary>The rates are the program's own, with all that was kept switched off and on; null when nothing was kept, or when the demo was interrupted.</summary>
internal sealed record DemoReport(TuneReport Tune, bool IsInterrupted, double? RoundsPerSecondOff, double? RoundsPerSecondOn, double? Ratio, double? LowestRatio, double? HighestRatio, TakenOutReport Reverted);
