using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Versions;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt specialize: a version for given argument values, validated and installed.</summary>
internal static class SpecializeCommand
{
    public static Command Create(CommandFrame frame)
    {
        var bind = new Option<string[]>("--bind") { Description = "An argument register and its value, decimal or 0x; may be given more than once", HelpName = "REG=VALUE", Required = true };
        return frame.OnTarget("specialize", "Build, validate and install a version for constant arguments; prints its id", [CommandFrame.Function, bind], parse => Bindings.Parse(parse.GetRequiredValue(bind)), async (run, bindings) =>
        {
            var name = run.Parse.GetRequiredValue(CommandFrame.Function);
            var outcome = await run.Terminal.WithProgress($"specializing {name}", progress =>
                VersionMaker.SpecializeAsync(run.Session, name, bindings, progress, run.Cancellation)).ConfigureAwait(false);
            return VersionOutput.Show(run, outcome);
        });
    }
}
