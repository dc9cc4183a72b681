using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Versions;
using KernOpt.Target;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt revert: takes a version, or all that any kernopt ever put in, out of a target.</summary>
internal static class RevertCommand
{
    public static Command Create(CommandFrame frame)
    {
        var id = Numbers.OptionalId("A version's id, as list shows it");
        var all = new Option<bool>("--all") { Description = "Everything, from the target's own undo log; also after a killed kernopt" };
        return frame.OnTarget("revert", "Take a version, or everything, out of a target", [id, all], async run =>
        {
            var one = run.Parse.GetValue(id);
            if (one is null == !run.Parse.GetValue(all)) return Terminal.Refuse(Reasons.BadCommandLine.With("give one id, or --all"));
            var outcome = await run.Terminal.WithProgress("reverting", progress =>
                InstalledVersions.RevertAsync(run.Session, one, progress, run.Cancellation)).ConfigureAwait(false);
            if (!outcome.Try(out var report, out var why)) return Terminal.Refuse(why);
            run.Terminal.Show("revert", report, console => Tables.Revert(console, report));
            return report.IsComplete ? ExitCode.Done : ExitCode.Inconclusive;
        }, needsJournal: false);
    }
}
