using System.Globalization;
using KernOpt.Engine.Reports;
using Spectre.Console;

namespace KernOpt.Cli.Output;

internal static partial class Tables
{
    private const int Width = 80;

    /// <summary>The function's disassembly with how often it was run before each instruction, and under each block where it went on to.</summary>
    public static void Blocks(IAnsiConsole console, BlocksReport report)
    {
        var edges = report.Edges.ToLookup(e => e.From);
        foreach (var block in report.Blocks)
        {
            console.MarkupLineInterpolated($"[bold]block {block.Index}[/][grey], loop depth {block.LoopDepth}: {Told(block.Count, block.Source, block.AtLeast, block.AtMost)}[/]");
            // What is run behind its last call may be less, where a call does not come back.
            foreach (var line in block.Instructions) console.WriteLine(Cut($"{Short(block.Count),7}{(block.Source == "derived" ? '~' : ' ')} {line}"));
            if (block.Leaving is { } leaving && leaving != block.Count) console.MarkupLineInterpolated($"[grey]{Short(leaving),7}~ came back from its calls[/]");
            foreach (var edge in edges[block.Index])
                console.MarkupLineInterpolated($"[grey]{"",9}{(edge.Share is { } share ? $"{share,6:P1}" : "     ?")} to block {edge.To}: {Told(edge.Count, edge.Source, edge.AtLeast, edge.AtMost)}[/]");
        }
        Refusals(console, report.Refusals);
        foreach (var note in report.Notes) console.MarkupLineInterpolated($"note: {note}");
        console.MarkupLineInterpolated($"{report.Function}: {report.Counted} counters, {report.Blocks.Count(b => b.Count is not null)} of {report.Blocks.Count} blocks and {report.Edges.Count(e => e.Count is not null)} of {report.Edges.Count} edges known, in {report.Seconds:0.0} s");
        if (report.Blocks.Any(b => b.Source == "derived")) console.MarkupLineInterpolated($"[grey]~ derived from others[/]");
    }

    private static string Told(long? count, string source, long? least, long? most)
    {
        if (count is not { } known) return source;
        var text = $"{known.ToString("#,0", CultureInfo.InvariantCulture)} {source}";
        return least == most ? text : $"{text}, from {least?.ToString("#,0", CultureInfo.InvariantCulture)} to {most?.ToString("#,0", CultureInfo.InvariantCulture)}";
    }

    /// <summary>Three digits and a letter: "999", "12.3k", "1.23M".</summary>
    private static string Short(long? count)
    {
        if (count is not { } known) return "?";
        var (value, unit) = known switch { < 1000 => (known, ""), < 1_000_000 => (known / 1e3, "k"), < 1_000_000_000 => (known / 1e6, "M"), _ => (known / 1e9, "G") };
        return unit.Length == 0 ? $"{known}" : value.ToString(value < 10 ? "0.00" : value < 100 ? "0.0" : "0", CultureInfo.InvariantCulture) + unit;
    }

    private static string Cut(string line) => line.Length <= Width ? line : $"{line.AsSpan(0, Width - 1)}…";
}
