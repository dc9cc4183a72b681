using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Probing;
using KernOpt.Target;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt blocks: how often each block and edge of a function is run.</summary>
internal static class BlocksCommand
{
    public static Command Create(CommandFrame frame)
    {
        var duration = Durations.Option("--for", TimeSpan.FromSeconds(5), "How long to count");
        var dot = new Option<bool>("--dot") { Description = "The control-flow graph with its counts, for graphviz" };
        return frame.OnTarget<Done>("blocks", "Counts per basic block and edge of a function, in its disassembly", [CommandFrame.Function, duration, dot],
            parse => parse.GetValue(dot) && parse.GetValue(frame.Common.Json) ? Reasons.BadCommandLine.With("--dot and --json are two forms of the answer; give one") : Done.It, async (run, _) =>
        {
            var name = run.Parse.GetRequiredValue(CommandFrame.Function);
            var time = duration.In(run.Parse);
            var outcome = await run.Terminal.WithProgress($"counting the blocks of {name} for {time.TotalSeconds:0.###} s", progress =>
                BlocksRun.RunAsync(run.Session, name, time, progress, run.Cancellation)).ConfigureAwait(false);
            if (!outcome.Try(out var result, out var why)) return Terminal.Refuse(why);
            if (run.Parse.GetValue(dot)) run.Terminal.Print(result.Dot);
            else run.Terminal.Show("blocks", result.Report, console => Tables.Blocks(console, result.Report));
            return result.Report.Blocks.Any(b => b.Count > 0) ? ExitCode.Done : ExitCode.Inconclusive;
        });
    }
}
