using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Probing;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt blocks: how often each block and edge of a function is run.</summary>
internal static class BlocksCommand
{
    public static Command Create(CommandFrame frame)
    {
        var duration = Durations.Option("--for", TimeSpan.FromSeconds(5), "How long to count");
        return frame.OnTarget("blocks", "Counts per basic block and edge of a function, in its disassembly", [CommandFrame.Function, duration], async run =>
        {
            var name = run.Parse.GetRequiredValue(CommandFrame.Function);
            var time = duration.In(run.Parse);
            var outcome = await run.Terminal.WithProgress($"counting the blocks of {name} for {time.TotalSeconds:0.###} s", progress =>
                BlocksRun.RunAsync(run.Session, name, time, progress, run.Cancellation)).ConfigureAwait(false);
            if (!outcome.Try(out var report, out var why)) return Terminal.Refuse(why);
            run.Terminal.Show("blocks", report, console => Tables.Blocks(console, report));
            return report.Blocks.Any(b => b.Count > 0) ? ExitCode.Done : ExitCode.Inconclusive;
        });
    }
}
