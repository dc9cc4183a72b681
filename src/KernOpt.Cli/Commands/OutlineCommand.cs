using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Versions;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt outline: counts a function's blocks, then moves the cold ones out of the hot path.</summary>
internal static class OutlineCommand
{
    public static Command Create(CommandFrame frame)
    {
        var duration = Durations.Option("--for", TimeSpan.FromSeconds(5), "How long to count blocks");
        return frame.OnTarget("outline", "Count blocks, then build, validate and install a version with the cold ones moved away", [CommandFrame.Function, duration], async run =>
        {
            var name = run.Parse.GetRequiredValue(CommandFrame.Function);
            var outcome = await run.Terminal.WithProgress($"outlining {name}", progress =>
                VersionMaker.OutlineAsync(run.Session, name, duration.In(run.Parse), progress, run.Cancellation)).ConfigureAwait(false);
            return VersionOutput.Show(run, outcome);
        });
    }
}
