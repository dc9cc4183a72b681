using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Versions;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt list: what is installed in a target, from the log that the target itself carries.</summary>
internal static class ListCommand
{
    public static Command Create(CommandFrame frame) =>
        frame.OnTarget("list", "What is installed in a target", [], run =>
        {
            var report = InstalledVersions.List(run.Session);
            run.Terminal.Show("list", report, console => Tables.List(console, report));
            return Task.FromResult(ExitCode.Done);
        }, needsJournal: false);
}
