using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Versions;
using KernOpt.Target;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt relocate: the identity version. It shows that a function can be moved, and what moving alone costs.</summary>
internal static class RelocateCommand
{
    public static Command Create(CommandFrame frame)
    {
        var functions = new Argument<string[]>("FUNC") { Description = "symbol, module!symbol, or module+0xRVA", Arity = ArgumentArity.ZeroOrMore };
        var all = new Option<bool>("--all") { Description = "Every function that is hot (see --for)" };
        var duration = Durations.Option("--for", TimeSpan.FromSeconds(3), "With --all: how long to sample for what is hot");
        return frame.OnTarget("relocate", "The identity version: the same code, moved", [functions, all, duration], async run =>
        {
            var names = run.Parse.GetValue(functions) ?? [];
            if (names.Length == 0 == !run.Parse.GetValue(all)) return Terminal.Refuse(Reasons.BadCommandLine.With("name functions, or give --all"));
            var outcome = await run.Terminal.WithProgress("relocating", progress =>
                RelocateRun.RunAsync(run.Session, names, duration.In(run.Parse), progress, run.Cancellation)).ConfigureAwait(false);
            if (!outcome.Try(out var report, out var why)) return Terminal.Refuse(why);
            run.Terminal.Show("relocate", report, console => Tables.Relocate(console, report));
            return report.Installed.Count > 0 ? ExitCode.Done : ExitCode.Refused;
        });
    }
}
