using KernOpt.Engine.Blaming;
using KernOpt.Engine.Reports;
using Spectre.Console;

namespace KernOpt.Cli.Output;

internal static partial class Tables
{
    /// <summary>Parts of the tree that are smaller than this are told together, unless they were looked into.</summary>
    private const double SmallestShown = 0.01;

    public static void Blame(IAnsiConsole console, BlameReport report)
    {
        var table = new Sheet("share", "95 % interval", "own", "calls/s", "mean", "what");
        Add(table, report.Tree, 0);
        table.WriteTo(console);
        console.MarkupLineInterpolated($"{report.Root}: {report.Threads:0.00} threads inside on average");
        console.MarkupLineInterpolated($"[bold]{VerdictOf(report.Verdict)}[/]");
        if (report.Verdict.Path.Count > 1) console.MarkupLineInterpolated($"  by way of {string.Join(" → ", report.Verdict.Path)}{(report.Verdict.Places > 1 ? $", and at {report.Verdict.Places - 1} other {(report.Verdict.Places == 2 ? "place" : "places")}" : "")}");
        console.MarkupLineInterpolated($"  the search ended: {report.Verdict.Why}");
        Refusals(console, report.Refusals);
        foreach (var note in report.Notes) console.MarkupLineInterpolated($"note: {note}");
        console.MarkupLineInterpolated($"{report.Steps} functions measured for {report.StepSeconds:0.0##} s each, {report.Seconds:0.0} s in all; all probes are taken out again unless a note says otherwise");
    }

    public static void Waits(IAnsiConsole console, WaitsReport report, int top)
    {
        var table = new Sheet("waits", "waited s", "threads", "mean us", "longest us", "kind", "lock", "name and callers");
        foreach (var row in report.Locks.Take(top))
            table.Add($"{row.Waits}", $"{row.Seconds:0.000}", $"{row.Threads:0.00}", $"{row.MeanMicroseconds:0.0}", $"{row.LongestMicroseconds:0}", row.Kind, $"{row.Lock}",
                $"{row.Name}: {List(row.Callers.Take(ValuesShown).Select(c => $"{c.Caller} {c.Seconds / row.Seconds:P0}"))}");
        table.WriteTo(console);
        if (report.Locks.Count > top) console.MarkupLineInterpolated($"and {report.Locks.Count - top} more; --top shows them, --json has all");
        var functions = new Sheet("calls", "of them waits", "waited s", "kind", "function");
        foreach (var row in report.Functions) functions.Add($"{row.Calls}", $"{row.Waits}", $"{row.WaitSeconds:0.000}", row.Kind, row.Function);
        functions.WriteTo(console);
        foreach (var open in report.Waiting.Take(top)) console.MarkupLineInterpolated($"not back yet: {open.Calls} {(open.Calls == 1 ? "call" : "calls")} for {open.Lock} ({open.Name}), for {open.LongestSeconds:0.000} s");
        if (report.OtherWaits > 0) console.MarkupLineInterpolated($"{report.OtherWaits} waits, {report.OtherSeconds:0.000} s, for others that there was no room for");
        if (report.NoRoom > 0) console.MarkupLineInterpolated($"{report.NoRoom} calls were not measured: too many at once, or left by jumps that no exit sees");
        if (report.NoEntry > 0) console.MarkupLineInterpolated($"{report.NoEntry} calls ended that were not seen to begin");
        Refusals(console, report.Refusals);
        foreach (var note in report.Notes) console.MarkupLineInterpolated($"note: {note}");
        console.MarkupLineInterpolated($"{report.Places} places for {report.Seconds:0.0} s; waits are calls of {report.LeastMicroseconds:0.#} us and more");
    }

    private static void Add(Sheet table, BlameRow row, int depth)
    {
        var interval = row.Low == row.High ? "" : $"{row.Low:P1} - {row.High:P1}";
        table.Add($"{row.Share:P1}", interval, row.Own is { } own ? $"{Math.Max(own, 0):P1}" : "", $"{row.CallsPerSecond:0.#}", row.MeanNanoseconds is { } mean ? Time(mean) : "", $"{new string(' ', 2 * depth)}{What(row)}");
        var shown = row.Children.Where(c => c.Share >= SmallestShown || c.Own is not null).ToList();
        foreach (var child in shown) Add(table, child, depth + 1);
        var rest = row.Children.Except(shown).ToList();
        if (rest.Count > 0) table.Add($"{rest.Sum(c => c.Share):P1}", "", "", $"{rest.Sum(c => c.CallsPerSecond):0.#}", "", $"{new string(' ', 2 * depth + 2)}{rest.Count} others");
    }

    private static string What(BlameRow row)
    {
        var text = row.Kind == CalleeKind.SystemCall ? $"system call {row.Name}" : row.Name;
        if (row.IsTail) text += " (jumped to)";
        if (row.WhyNot is { } why) text += $" [not looked into: {why}]";
        if (row.Unmeasured.Count > 0) text += $" [own includes {List(row.Unmeasured.Take(3))}{(row.Unmeasured.Count > 3 ? $" and {row.Unmeasured.Count - 3} more" : "")}]";
        return row.Lost > 0 ? $"{text} [{row.Lost} calls lost]" : text;
    }

    private static string VerdictOf(BlameVerdictRow verdict)
    {
        if (verdict.Kind is not { } kind) return "inconclusive";
        var part = kind switch
        {
            BlameKind.SystemCall => $"the system call {verdict.Name} (work and waiting in the kernel)",
            BlameKind.OwnTime => $"{verdict.Name}, in its own code",
            _ => $"{verdict.Name}, which could not be looked into, with what it calls",
        };
        var share = $"{verdict.Share:P1} of the time ({verdict.Low:P1} to {verdict.High:P1})";
        return verdict.Verdict == "bottleneck" ? $"bottleneck: {part}: {share}" : $"inconclusive: the largest part is {part}: {share}";
    }

    private static string Time(double nanoseconds) => nanoseconds switch
    {
        < 1e3 => $"{nanoseconds:0} ns",
        < 1e6 => $"{nanoseconds / 1e3:0.0} us",
        < 1e9 => $"{nanoseconds / 1e6:0.0} ms",
        _ => $"{nanoseconds / 1e9:0.00} s",
    };
}
