using KernOpt.Engine.Reports;
using Spectre.Console;

namespace KernOpt.Cli.Output;

/// <summary>How results look for people. No figure appears here that is not in the JSON document too.</summary>
internal static partial class Tables
{
    private const int ValuesShown = 8;

    public static void HotBlocks(IAnsiConsole console, HotReport report, int top)
    {
        var table = new Sheet("share", "loop depth", "block", "function");
        foreach (var row in report.Blocks.Take(top)) table.Add(Percent(row.Share), $"{row.LoopDepth}", $"{row.Block}", row.Function);
        table.WriteTo(console);
    }

    public static void Hot(IAnsiConsole console, HotReport report, int top)
    {
        var table = new Sheet("share", "95 % interval", "samples", "function", "module");
        foreach (var row in report.Functions.Take(top))
        {
            table.Add(Percent(row.Share), $"{Percent(row.Low)} - {Percent(row.High)}", $"{row.Samples}", row.Function, row.Module);
        }
        table.WriteTo(console);
        console.MarkupLineInterpolated($"{report.Samples} samples in {report.Seconds:0.0} s by {report.Source}; {report.LostSamples} lost; sampling cost {report.CostShare:P2} of one processor");
    }

    public static void Inspect(IAnsiConsole console, InspectReport report)
    {
        var modules = new Sheet("module", "functions", "resolved", "blocks", "instructions");
        foreach (var row in report.Modules) modules.Add(row.Module, $"{row.Functions}", $"{row.Resolved}", $"{row.Blocks}", $"{row.Instructions}");
        modules.WriteTo(console);
        Refusals(console, report.Refusals);
        var share = report.Functions == 0 ? 0 : (double)report.Resolved / report.Functions;
        console.MarkupLineInterpolated($"{report.Resolved} of {report.Functions} functions resolved ({share:P1}), {report.Blocks} blocks, {report.Instructions} instructions in {report.Seconds:0.00} s");
    }

    public static void Function(IAnsiConsole console, FunctionReport report)
    {
        console.MarkupLineInterpolated($"[bold]{report.Function}[/] ({report.StableName}) at {report.Start}, {report.Bytes} bytes; arguments: {List(report.Arguments)}");
        if (report.Site is { } site) console.MarkupLineInterpolated($"redirected at: {site}");
        foreach (var block in report.Blocks)
        {
            var to = block.Successors.Count == 0 ? block.End : $"{block.End} to {string.Join(", ", block.Successors)}";
            console.MarkupLineInterpolated($"[grey]block {block.Index}, loop depth {block.LoopDepth}, {to}[/]");
            foreach (var line in block.Instructions) console.WriteLine($"    {line}");
        }
        foreach (var refusal in report.Refusals) console.MarkupLineInterpolated($"refused: {refusal.ToString()}");
    }

    public static void Values(IAnsiConsole console, ValuesReport report)
    {
        var table = new Sheet("argument", "value", "share", "samples", "at least", "distinct");
        foreach (var argument in report.Arguments)
        {
            foreach (var (value, index) in argument.Top.Select((v, i) => (v, i)))
            {
                var isFirst = index == 0;
                table.Add(isFirst ? $"{argument.Register} ({argument.Bits} bits)" : "", value.Value, Percent(value.Share), $"{value.Count}",
                    isFirst ? Percent(argument.AtLeast) : "", isFirst ? $"{argument.Distinct}" : "");
            }
        }
        table.WriteTo(console);
        foreach (var caller in report.Callers) console.MarkupLineInterpolated($"  called from {caller.Caller}: {caller.Share:P1}");
        console.MarkupLineInterpolated($"{report.Calls} calls ({report.CallsPerSecond:0} a second{(report.SelfNanosecondsPerCall is { } ns ? $", {ns:0.#} ns of CPU in its own code each" : "")}), {report.Samples} sampled (one in {report.SampledOneIn}), {report.Lost} lost; cost {report.CostShare:P2}");
    }

    public static void Reach(IAnsiConsole console, ReachReport report)
    {
        var table = new Sheet("module", "instructions", "jump", "call", "earlier jump", "later jump", "springboard", "punned jump", "punned call", "copy", "refused");
        foreach (var row in report.Modules)
        {
            table.Add(row.Module, $"{row.Instructions}", Of(row.Jump, row), Of(row.Call, row), Of(row.EarlierJump, row), Of(row.LaterJump, row), Of(row.Springboard, row), Of(row.PunnedJump, row), Of(row.PunnedCall, row),
                Of(row.Copy, row), Of(row.Refused, row));
        }
        table.WriteTo(console);
        Refusals(console, report.Refusals);
        var share = report.Instructions == 0 ? 0 : (double)report.Reached / report.Instructions;
        console.MarkupLineInterpolated($"{report.Reached} of {report.Instructions} instructions of resolved functions take a probe ({share:P2}); {report.Seconds:0.0} s");

        static string Of(long count, ReachRow row) => row.Instructions == 0 ? "" : Percent((double)count / row.Instructions);
    }

    public static void FunctionReach(IAnsiConsole console, FunctionReachReport report)
    {
        var table = new Sheet("address", "instruction", "reached by");
        foreach (var row in report.Points) table.Add($"{row.Address}", row.Instruction, row.Rung ?? $"refused: {row.Refused}");
        table.WriteTo(console);
    }

    public static void Probe(IAnsiConsole console, ProbeReport report, int top)
    {
        var table = new Sheet("count", "a second", "place", "reached by", "instruction");
        foreach (var row in report.Rows.OrderByDescending(r => r.Count).Where(r => report.Times is null || r.Count > 0).Take(top)) table.Add($"{row.Count}", $"{row.PerSecond:0}", row.Place, row.Rung, row.Instruction);
        table.WriteTo(console);
        if (report.Rows.Count > top) console.MarkupLineInterpolated($"and {report.Rows.Count - top} more; --top shows them, --json has all");
        foreach (var row in report.Rows.Where(r => r.Values is not null && r.Count > 0).OrderByDescending(r => r.Count).Take(top)) ProbedValues(console, row);
        if (report.Times is { } times) Times(console, times, top);
        if (report.Trace is { } trace) Trace(console, trace, top);
        if (report.Stacks is { } stacks) Stacks(console, stacks, top);
        if (report.Unreadable > 0) console.MarkupLineInterpolated($"{report.Unreadable} times a read found nothing");
        Refusals(console, report.Refusals);
        foreach (var note in report.Notes) console.MarkupLineInterpolated($"note: {note}");
        console.MarkupLineInterpolated($"{report.Places} places for {report.Seconds:0.0} s; planned in {report.PlanningSeconds:0.00} s, placed in {report.PlacingSeconds:0.00} s, taken out in {report.RemovingSeconds:0.00} s");
    }

    private static void ProbedValues(IAnsiConsole console, ProbeRow row)
    {
        console.MarkupLineInterpolated($"[bold]{row.Place}[/]");
        foreach (var table in row.Values!)
        {
            var top = string.Join(", ", table.Top.Take(ValuesShown).Select(v => $"{v.Value} {v.Share:P1}"));
            var rest = table.Top.Count - ValuesShown is > 0 and var more ? $", {more} more" : "";
            console.MarkupLineInterpolated($"  {table.Expression}: {top}{rest}{(table.Other > 0 ? $"; {table.Other} times values that the table had no room for" : "")}");
        }
    }

    public static void Concurrency(IAnsiConsole console, ConcurrencyReport report)
    {
        foreach (var row in report.Functions)
        {
            console.MarkupLineInterpolated($"[bold]{row.Function}[/]: {row.Mean:0.00} threads inside on average, {row.Most} at most; {row.Calls} calls, {row.NanosecondsPerCall ?? 0:0} ns each");
            var table = new Sheet("threads inside", "share of the time", "");
            foreach (var level in row.Levels) table.Add($"{level.Threads}", $"{level.Share:P1}", Bars.Of(level.Share));
            table.WriteTo(console);
            if (row.Timeline.Count > 1) console.MarkupLineInterpolated($"over time: {Bars.Line(row.Timeline)}");
        }
        Refusals(console, report.Refusals);
        foreach (var note in report.Notes) console.MarkupLineInterpolated($"note: {note}");
        console.MarkupLineInterpolated($"{report.Samples} looks in {report.Seconds:0.0} s");
    }

    private static void Times(IAnsiConsole console, TimesReport times, int top)
    {
        var table = new Sheet("calls", "total s", "mean ns", "half at most", "99 % at most", "function");
        foreach (var row in times.Functions.Take(top))
            table.Add($"{row.Calls}", $"{row.TotalSeconds:0.000}", $"{row.MeanNanoseconds:0}", $"{row.MedianAtMostNanoseconds:0}", $"{row.P99AtMostNanoseconds:0}", row.Function);
        table.WriteTo(console);
        if (times.NoRoom > 0) console.MarkupLineInterpolated($"{times.NoRoom} calls were not timed: too many at once, or left by jumps that no exit sees");
        if (times.NoEntry > 0) console.MarkupLineInterpolated($"{times.NoEntry} calls ended that were not seen to begin, or were not sampled");
    }

    private static void Trace(IAnsiConsole console, TraceReport trace, int top)
    {
        var table = new Sheet(["seconds", "place", .. trace.Fields]);
        foreach (var record in trace.Records.Take(top)) table.Add([$"{record.Seconds:0.000000}", record.Place, .. record.Values]);
        table.WriteTo(console);
        if (trace.Records.Count > top) console.MarkupLineInterpolated($"and {trace.Records.Count - top} records more; --top shows them, --json has all");
        if (trace.NotKept > 0) console.MarkupLineInterpolated($"{trace.NotKept} records were counted and not kept");
        if (trace.Lost > 0) console.MarkupLineInterpolated($"{trace.Lost} passages were not recorded: they came faster than the records could be read; sample with --when 'every(N)'");
    }

    public static void Version(IAnsiConsole console, VersionReport report)
    {
        console.MarkupLineInterpolated($"version [bold]{report.Id}[/]: {report.Kind} of {report.Function} {report.Bindings}");
        console.MarkupLineInterpolated($"  {report.InstructionsBefore} -> {report.InstructionsAfter} instructions, {report.BlocksBefore} -> {report.BlocksAfter} blocks, {report.Bytes} bytes; redirected at {report.Site}; {report.CallSitesPatched} call sites bound without a guard");
        if (report.Validation is { } v) console.MarkupLineInterpolated($"  validated on {v.Runs} runs ({v.Returned} returned, {v.Faulted} faulted alike, {v.NotCompared} not compared), {v.RunsPerSecond:0} a second");
        foreach (var pass in report.Passes.Where(p => p.Changed > 0)) console.MarkupLineInterpolated($"  [grey]{pass.Pass}: {pass.Changed} changed, {pass.Instructions} instructions left, {pass.Microseconds:0} us[/]");
        console.MarkupLineInterpolated($"installed and active; 'kernopt revert ... {report.Id}' takes it out");
    }

    public static void Relocate(IAnsiConsole console, RelocateReport report)
    {
        var table = new Sheet("id", "function", "bytes");
        foreach (var version in report.Installed) table.Add($"{version.Id}", version.Function, $"{version.Bytes}");
        table.WriteTo(console);
        Refusals(console, report.Refusals);
    }

    public static void Ab(IAnsiConsole console, AbReport report)
    {
        var (what, second) = report.IsSelf
            ? ($"{report.Function} against itself: the second of two equal arms", "second arm, the original too,")
            : ($"version {report.Id} of {report.Function}", "version");
        var effect = double.IsFinite(report.Low) && double.IsFinite(report.High)
            ? $"costs {report.Effect:0.000} of the original ({report.Confidence:P0} interval {report.Low:0.000} to {report.High:0.000}, p = {report.PValue:0.0000})"
            : "has no interval, there are too few blocks";
        console.MarkupLineInterpolated($"[bold]{report.Verdict}[/]: {what} {effect}");
        console.MarkupLineInterpolated($"  {report.Metric}: original {report.OriginalCost:0.#} {report.Unit}, {second} {report.VersionCost:0.#} {report.Unit}; {report.Calls} calls in {report.BlocksUsed} blocks ({report.BlocksExcluded} excluded), {report.Seconds:0.0} s");
        console.MarkupLineInterpolated($"  [grey]{report.Test}[/]");
        console.MarkupLineInterpolated($"  {report.Why}");
    }

    public static void Tune(IAnsiConsole console, TuneReport report)
    {
        var table = new Sheet("function", "technique", "share", "outcome", "cost ratio", "why");
        foreach (var row in report.Experiments)
        {
            var ratio = row.Effect is { } effect ? $"{effect:0.000} ({row.Low:0.000} to {row.High:0.000})" : "";
            table.Add(row.Function, $"{row.Technique} {row.Bindings}", Percent(row.Share), row.Outcome, ratio, row.Why);
        }
        table.WriteTo(console);
        Refusals(console, report.Refusals);
        console.MarkupLineInterpolated($"{report.Seconds:0} s with {report.Policy}; profiling cost {report.ProfilingCostShare:P2}; no thread was held longer than {report.LongestHoldMicroseconds:0} us");
    }

    public static void List(IAnsiConsole console, ListReport report)
    {
        if (report.Versions.Count == 0)
        {
            console.MarkupLineInterpolated($"nothing is installed in {report.Target}; {report.ChangedPlaces} changed {(report.ChangedPlaces == 1 ? "place" : "places")}");
            return;
        }
        var table = new Sheet("id", "kind", "function", "bindings", "state", "bytes", "guard misses", "calls counted", "since");
        foreach (var row in report.Versions)
        {
            table.Add($"{row.Id}", row.Kind, row.Function, row.Bindings, row.State, $"{row.Bytes}", $"{row.GuardMisses}", $"{row.Calls}", row.Created);
        }
        table.WriteTo(console);
    }

    public static void Revert(IAnsiConsole console, TakenOutReport report)
    {
        console.MarkupLineInterpolated($"{report.Reverted} taken out, {report.Remaining} {(report.Remaining == 1 ? "remains" : "remain")}{TextOf(report)}");
        foreach (var note in report.Notes) console.MarkupLineInterpolated($"  {note}");
    }

    private static string TextOf(TakenOutReport report)
    {
        if (report.TextIsOriginal) return "; text is the file's, byte for byte";
        return report.Remaining == 0 ? "; text is not the file's" : "";
    }

    private static void Refusals(IAnsiConsole console, IReadOnlyList<RefusalRow> refusals)
    {
        if (refusals.Count == 0) return;
        var table = new Sheet("refused", "reason", "such as");
        foreach (var row in refusals) table.Add($"{row.Count}", row.Reason.ToString(), List(Told(row)));
        table.WriteTo(console);
    }

    /// <summary>The first example with what was said of it.</summary>
    private static IEnumerable<string> Told(RefusalRow row) =>
        row.Detail is { } detail ? row.Examples.Select((name, index) => index == 0 ? $"{name} ({detail})" : name) : row.Examples;

    private static string Percent(double share) => $"{share * 100:0.00} %";

    private static string List(IEnumerable<string> names) => string.Join(", ", names);
}
