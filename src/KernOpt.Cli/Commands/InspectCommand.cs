using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Probing;
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
        var points = new Option<bool>("--points") { Description = "Which instructions take a probe, by which rung of the ladder, and why the others do not" };
        return frame.OnTarget("inspect", "Functions, blocks, instructions, refusals by reason, seconds", [function, module, dot, points], async run =>
        {
            if (run.Parse.GetValue(points)) return await PointsAsync(run, run.Parse.GetValue(function), run.Parse.GetValue(module)).ConfigureAwait(false);
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

    private static async Task<int> PointsAsync(TargetRun run, string? function, string? module)
    {
        if (function is { } name)
        {
            if (!Reach.OfFunction(run.Session, name).Try(out var one, out var refused)) return Terminal.Refuse(refused);
            run.Terminal.Show("inspect-function-points", one, console => Tables.FunctionReach(console, one));
            return ExitCode.Done;
        }
        var outcome = await run.Terminal.WithProgress($"looking at every instruction of {run.Session.Target.Name}", progress =>
            Task.Run(() => Reach.OfModules(run.Session, module, progress, run.Cancellation))).ConfigureAwait(false);
        if (!outcome.Try(out var report, out var why)) return Terminal.Refuse(why);
        run.Terminal.Show("inspect-points", report, console => Tables.Reach(console, report));
        return ExitCode.Done;
    }
}
