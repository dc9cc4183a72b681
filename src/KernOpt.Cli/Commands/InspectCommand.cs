using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Profiling;
using KernOpt.Target;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt inspect: functions, blocks and instructions of a target, and what is refused.</summary>
internal static class InspectCommand
{
    public static Command Create(CommandFrame frame)
    {
        var function = new Argument<string?>("FUNC") { Description = "One function in full; all modules in figures without it", Arity = ArgumentArity.ZeroOrOne };
        var module = new Option<string?>("--module") { Description = "Only this module", HelpName = "NAME" };
        var dot = new Option<bool>("--dot") { Description = "The function's control-flow graph for graphviz" };
        return frame.OnTarget("inspect", "Functions, blocks, instructions, refusals by reason, seconds", [function, module, dot], async run =>
        {
            if (run.Parse.GetValue(dot) && run.Terminal.IsJson) return Terminal.Refuse(Reasons.BadCommandLine.With("--dot and --json are two forms of the answer; give one"));
            if (run.Parse.GetValue(dot) && run.Parse.GetValue(function) is null) return Terminal.Refuse(Reasons.BadCommandLine.With("--dot draws one function; name it"));
            if (run.Parse.GetValue(function) is { } name)
            {
                if (!Inspection.OfFunction(run.Session, name).Try(out var one, out var refused)) return Terminal.Refuse(refused);
                if (run.Parse.GetValue(dot) && one.Dot is { } picture) run.Terminal.Print(picture);
                else run.Terminal.Show("inspect-function", one.Report, console => Tables.Function(console, one.Report));
                foreach (var reason in one.Report.Refusals) Terminal.Refuse(reason);
                return one.Report.Refusals.Count == 0 ? ExitCode.Done : ExitCode.Refused;
            }
            var outcome = await run.Terminal.WithProgress($"parsing {run.Session.Target.Name}", progress =>
                Task.Run(() => Inspection.OfModules(run.Session, run.Parse.GetValue(module), progress, run.Cancellation))).ConfigureAwait(false);
            if (!outcome.Try(out var report, out var why)) return Terminal.Refuse(why);
            run.Terminal.Show("inspect", report, console => Tables.Inspect(console, report));
            return ExitCode.Done;
        });
    }
}
