using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Profiling;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt hot: where the time goes.</summary>
internal static class HotCommand
{
    public static Command Create(CommandFrame frame)
    {
        var duration = Durations.Option("--for", TimeSpan.FromSeconds(5), "How long to sample");
        var hertz = Numbers.Option("--hertz", 997, 1, 20_000, "Samples per second and running thread, 1 to 20000");
        var top = Numbers.Option("--top", 25, 1, int.MaxValue, "How many functions to show (all in JSON)");
        var blocks = new Option<bool>("--blocks") { Description = "Also the hot basic blocks of the hottest functions" };
        var export = new Option<string?>("--export") { Description = "Also write the profile into this file: folded stacks (.folded, .txt), else for speedscope", HelpName = "FILE" };
        return frame.OnTarget("hot", "Share of time per function", [duration, hertz, top, blocks, export], parse => OutputFile.Check(parse.GetValue(export)), async (run, _) =>
        {
            var time = duration.In(run.Parse);
            var outcome = await run.Terminal.WithProgress($"sampling {run.Session.Target.Name} for {time.TotalSeconds:0.###} s", progress =>
                HotProfiler.RunAsync(run.Session, time, run.Parse.GetValue(hertz), progress, run.Cancellation)).ConfigureAwait(false);
            if (!outcome.Try(out var hot, out var why)) return Terminal.Refuse(why);
            if (run.Parse.GetValue(export) is { } file && !ProfileFiles.Write(file, hot.Report, hot.CpuSeconds).Try(out _, out why)) return Terminal.Refuse(why);
            run.Terminal.Show("hot", hot.Report, console =>
            {
                Tables.Hot(console, hot.Report, run.Parse.GetValue(top));
                if (run.Parse.GetValue(blocks)) Tables.HotBlocks(console, hot.Report, run.Parse.GetValue(top));
            });
            return ExitCode.Done;
        });
    }
}
