using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Probing;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt concurrency: how many threads are inside functions, over time.</summary>
internal static class ConcurrencyCommand
{
    public static Command Create(CommandFrame frame)
    {
        var functions = new Argument<string[]>("FUNC") { Description = "symbol, module!symbol, or module+0xRVA; several are watched at once", Arity = ArgumentArity.OneOrMore };
        var duration = Durations.Option("--for", TimeSpan.FromSeconds(10), "How long");
        return frame.OnTarget("concurrency", "How many threads are inside functions, over time", [functions, duration], async run =>
        {
            var names = run.Parse.GetRequiredValue(functions);
            var time = duration.In(run.Parse);
            var outcome = await run.Terminal.WithProgress($"watching {string.Join(", ", names)} for {time.TotalSeconds:0.###} s", progress =>
                ConcurrencyRun.RunAsync(run.Session, names, time, progress, run.Cancellation)).ConfigureAwait(false);
            if (!outcome.Try(out var report, out var why)) return Terminal.Refuse(why);
            run.Terminal.Show("concurrency", report, console => Tables.Concurrency(console, report));
            return report.Functions.Any(f => f.Calls > 0) ? ExitCode.Done : ExitCode.Inconclusive;
        });
    }
}
