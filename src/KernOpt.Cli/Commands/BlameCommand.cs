using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Blaming;
using KernOpt.Target;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt blame: where the time of a function goes, down its calls.</summary>
internal static class BlameCommand
{
    public static Command Create(CommandFrame frame)
    {
        var root = new Option<string>("--root") { Description = "Where to begin: symbol, module!symbol, or module+0xRVA; a function that is called, or makes calls, all the time", HelpName = "FUNC", Required = true };
        var step = Durations.Option("--step", TimeSpan.FromSeconds(1), "How long each function is measured");
        var longest = Durations.Option("--for", TimeSpan.FromSeconds(60), "No step begins after that");
        var least = Numbers.Option("--least", 20, 1, 100, "Look into, and name, what has this much of the root's time, in %");
        var depth = Numbers.Option("--depth", 24, 1, 1000, "Calls below the root that are looked into");
        var svg = new Option<string?>("--svg") { Description = "Also draw the tree into this file", HelpName = "FILE" };
        Outcome<BlameSettings> Settings(ParseResult parse) => OutputFile.Check(parse.GetValue(svg))
            .Then<BlameSettings>(_ => new BlameSettings(parse.GetValue(least) / 100.0, step.In(parse), longest.In(parse), parse.GetValue(depth)));
        return frame.OnTarget("blame", "Search the calls of a function, step by step, for what takes its time", [root, step, longest, least, depth, svg], Settings, async (run, settings) =>
        {
            var name = run.Parse.GetRequiredValue(root);
            var outcome = await run.Terminal.WithProgress($"where the time of {name} goes", progress =>
                BlameRun.RunAsync(run.Session, name, settings, progress, run.Cancellation)).ConfigureAwait(false);
            if (!outcome.Try(out var report, out var why)) return Terminal.Refuse(why);
            if (run.Parse.GetValue(svg) is { } file && !BlamePicture.Write(file, report).Try(out _, out why)) return Terminal.Refuse(why);
            run.Terminal.Show("blame", report, console => Tables.Blame(console, report));
            return report.Verdict.Verdict == "bottleneck" ? ExitCode.Done : ExitCode.Inconclusive;
        });
    }
}
