using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Probing;
using KernOpt.Target;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt probe: code before instructions, for a while.</summary>
internal static class ProbeCommand
{
    public static Command Create(CommandFrame frame)
    {
        var at = new Option<string[]>("--at")
        {
            Description = "FUNC, FUNC+0xOFF, FUNC:entry, FUNC:exit (returns and tail jumps), FUNC:blocks (each basic block); GLOB:entry, GLOB:exit, GLOB:blocks with * and ?; may be given again",
            HelpName = "PLACE",
            Required = true,
            AllowMultipleArgumentsPerToken = true,
        };
        var action = new Option<string>("--do")
        {
            Description = "What happens there: count; locked-count; fast-count; time how long calls last; cpu-time; values(VALUE, ...) how often each value occurs; trace or trace(VALUE, ...) a record of each passage; check(PREDICATE) a record of each in which it does not hold; stack the calls that led there, 1,000 a second of each place at most unless --when has every(N) or rate(N); break the thread waits there, see --run",
            HelpName = "ACTION",
            DefaultValueFactory = _ => "count",
        };
        var when = new Option<string[]>("--when")
        {
            Description = "Only where this holds, as in 'arg0 == 16 && every(100)'; given again, all must hold. VALUE: numbers, arg0 to arg5, registers, caller, tid, pid, uid, 'VARIABLE', u32[ADDRESS], u8(VALUE), + - * & | ^ << >> ~; "
                + "PREDICATE: == != < <= > >= && || !, every(N), rate(N), called_from(FUNC), inside(FUNC), flag(NAME)",
            HelpName = "PREDICATE",
        };
        var systemCalls = new Option<bool>("--system-calls")
        {
            Description = "The inserted code may make system calls in the target's threads: for pid, uid, cpu-time, and memory that cannot be proved readable. Not where the target has a filter of them (seccomp), nor should it be about to set one",
        };
        var sets = new Option<string[]>("--set")
        {
            Description = "The thread that passes PLACE has the flag from then on, for flag(NAME); may be given again",
            HelpName = "NAME=PLACE",
        };
        var clears = new Option<string[]>("--clear")
        {
            Description = "The thread that passes PLACE has the flag no longer; may be given again",
            HelpName = "NAME=PLACE",
        };
        var command = new Option<string>("--run")
        {
            Description = "For --do break: a command for sh, run for each thread that waits, with KERNOPT_PID (empty where the thread is a forked child's), KERNOPT_TID and KERNOPT_PLACE in its environment; the thread goes on when it has ended. Without it, at the Enter key",
            HelpName = "COMMAND",
        };
        var folded = new Option<string?>("--folded") { Description = "For --do stack: also write the stacks into this file, a line each, \"outermost;...;innermost COUNT\", as flame graph tools read them", HelpName = "FILE" };
        var flame = new Option<string?>("--flame") { Description = "For --do stack: also draw a flame graph, SVG, into this file", HelpName = "FILE" };
        var duration = Durations.Option("--for", TimeSpan.FromSeconds(10), "How long");
        var top = Numbers.Option("--top", 40, 1, int.MaxValue, "Show this many places, the most counted first; --json has all");
        return frame.OnTarget("probe", "Count, profile or trace what happens before instructions", [at, action, when, sets, clears, systemCalls, command, folded, flame, duration, top],
            parse => BreakCommand.Check(parse.GetRequiredValue(action), parse.GetValue(command)).Then<Done>(_ => StackFiles.Check(parse.GetRequiredValue(action), parse.GetValue(folded), parse.GetValue(flame))), async (run, _) =>
        {
            var time = duration.In(run.Parse);
            var request = new ProbeRequest(run.Parse.GetRequiredValue(at), run.Parse.GetRequiredValue(action), run.Parse.GetValue(when) ?? []) { AllowsSystemCalls = run.Parse.GetValue(systemCalls), Sets = Flags(run.Parse.GetValue(sets)), Clears = Flags(run.Parse.GetValue(clears)), OnBreak = (waiting, ended) => BreakCommand.ServeAsync(run.Parse.GetValue(command), run.Terminal.IsJson, waiting, ended) };
            var outcome = await run.Terminal.WithProgress($"probing for {time.TotalSeconds:0.###} s", progress =>
                ProbeRun.RunAsync(run.Session, request, time, progress, run.Cancellation)).ConfigureAwait(false);
            if (!outcome.Try(out var report, out var why)) return Terminal.Refuse(why);
            if (report.Stacks is { } stacks && !StackFiles.Write(report.Target, stacks, run.Parse.GetValue(folded), run.Parse.GetValue(flame)).Try(out _, out why)) return Terminal.Refuse(why);
            run.Terminal.Show("probe", report, console => Tables.Probe(console, report, run.Parse.GetValue(top)));
            return report.Rows.Any(r => r.Count > 0) ? ExitCode.Done : ExitCode.Inconclusive;
        });
    }

    /// <summary>Without a sign between them the place is empty, and refused as such.</summary>
    private static IReadOnlyList<(string Flag, string Place)> Flags(string[]? texts) =>
        [.. (texts ?? []).Select(t => t.IndexOf('=', StringComparison.Ordinal) is > 0 and var at ? (t[..at], t[(at + 1)..]) : (t, ""))];
}
