using KernOpt.Engine.Reports;
using Spectre.Console;

namespace KernOpt.Cli.Output;

internal static partial class Tables
{
    public static void Cover(IAnsiConsole console, CoverReport report, int top)
    {
        var modules = new Sheet("module", "functions run", "blocks run", "unknown", "lines run");
        foreach (var row in report.Modules)
        {
            modules.Add(row.Module, Share(row.FunctionsHit, row.Functions), Share(row.BlocksHit, row.Blocks), $"{row.BlocksUnknown}",
                row.Lines is { } lines ? Share(row.LinesHit ?? 0, lines) : "it does not tell its sources");
        }
        modules.WriteTo(console);
        if (report.Modules.Any(m => m.Lines is not null))
        {
            var files = new Sheet("lines run", "file");
            foreach (var row in report.Files.OrderByDescending(f => f.Lines).Take(top)) files.Add(Share(row.LinesHit, row.Lines), row.File);
            files.WriteTo(console);
            if (report.Files.Count > top) console.MarkupLineInterpolated($"and {report.Files.Count - top} files more; --top shows them, --json has all");
        }
        Refusals(console, report.Refusals);
        foreach (var note in report.Notes) console.MarkupLineInterpolated($"note: {note}");
        console.MarkupLineInterpolated($"{report.Marks} blocks watched for {report.Seconds:0.0} s, {report.Waiting} of them not run; placed in {report.PlacingSeconds:0.0} s, the rest taken out in {report.RemovingSeconds:0.0} s");
    }

    private static string Share(int part, int all) => all == 0 ? "0" : $"{part} of {all} ({(double)part / all:P1})";
}
