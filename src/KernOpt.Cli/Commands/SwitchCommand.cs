using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Versions;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt switch: all traffic to the installed versions, or back to the originals, by one store each; nothing is taken out.</summary>
internal static class SwitchCommand
{
    public static Command Create(CommandFrame frame)
    {
        var to = new Argument<string>("on|off") { Description = "on: the versions; off: the originals" };
        to.Validators.Add(r => { if (r.Tokens is [var word] && word.Value is not ("on" or "off")) r.AddError($"switch wants on or off, not '{word.Value}'"); });
        return frame.OnTarget("switch", "Lead all calls to the installed versions, or back to the originals", [to], run =>
        {
            var outcome = InstalledVersions.SwitchAll(run.Session, run.Parse.GetRequiredValue(to) == "on");
            if (!outcome.Try(out var report, out var why)) return Task.FromResult(Terminal.Refuse(why));
            run.Terminal.Show("list", report, console => Output.Tables.List(console, report));
            return Task.FromResult(ExitCode.Done);
        }, needsJournal: false);
    }
}
