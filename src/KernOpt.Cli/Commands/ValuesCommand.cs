using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Profiling;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt values: which values a function's arguments take, and who calls it.</summary>
internal static class ValuesCommand
{
    public static Command Create(CommandFrame frame)
    {
        var duration = Durations.Option("--for", TimeSpan.FromSeconds(5), "How long to measure");
        var oneIn = Numbers.Option("--one-in", 64, 1, 1_000_000, "Sample one call in N");
        return frame.OnTarget("values", "Value profile of a function's arguments, and its callers", [CommandFrame.Function, duration, oneIn], async run =>
        {
            var name = run.Parse.GetRequiredValue(CommandFrame.Function);
            var time = duration.In(run.Parse);
            var outcome = await run.Terminal.WithProgress($"profiling the arguments of {name} for {time.TotalSeconds:0.###} s", progress =>
                ValueProfiler.RunAsync(run.Session, name, time, run.Parse.GetValue(oneIn), progress, run.Cancellation)).ConfigureAwait(false);
            if (!outcome.Try(out var values, out var why)) return Terminal.Refuse(why);
            run.Terminal.Show("values", values.Report, console => Tables.Values(console, values.Report));
            if (values.Report.Samples > 0) return ExitCode.Done;
            var seen = values.Report.Calls == 0 ? "was not called" : $"was called {values.Report.Calls} times, and none was sampled (one in {values.Report.SampledOneIn}; see --one-in)";
            run.Terminal.Say($"kernopt: {values.Report.Function} {seen} in {values.Report.Seconds:0.#} s");
            return ExitCode.Inconclusive;
        });
    }
}
