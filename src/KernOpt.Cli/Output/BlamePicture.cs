using System.Globalization;
using System.Security;
using System.Text;
using KernOpt.Engine.Blaming;
using KernOpt.Engine.Reports;
using KernOpt.Target;

namespace KernOpt.Cli.Output;

/// <summary>A search as SVG: a row for each depth, a box as wide as the share for each part, below who calls it; own time is what has nothing below it.</summary>
internal static class BlamePicture
{
    private const double Width = 1200, Margin = 16, Top = 72, Row = 30, SmallestShown = 0.004, CharacterWidth = 6.6;

    public static Outcome<Done> Write(string file, BlameReport report)
    {
        try
        {
            File.WriteAllText(file, Of(report));
            return Done.It;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Reasons.FileNotWritable.With(e.Message);
        }
    }

    public static string Of(BlameReport report)
    {
        var height = Top + Row * DepthOf(report.Tree) + Margin;
        var svg = new StringBuilder();
        Add(svg, $"""<svg xmlns="http://www.w3.org/2000/svg" width="{Width}" height="{height}" viewBox="0 0 {Width} {height}" font-family="sans-serif" font-size="12">""");
        Add(svg, $"""<rect width="100%" height="100%" fill="#ffffff"/>""");
        Add(svg, $"""<text x="{Margin}" y="24" font-size="16" fill="#222222">{Escaped($"Where the time of {report.Root} goes: {report.Verdict.Verdict}")}</text>""");
        var named = report.Verdict.Name is { } name ? $"{name}: {report.Verdict.Share:P1} ({report.Verdict.Low:P1} to {report.Verdict.High:P1})" : report.Verdict.Why;
        Add(svg, $"""<text x="{Margin}" y="46" fill="#555555">{Escaped(named)}</text>""");
        Box(svg, report, report.Tree, 0, Margin, Width - 2 * Margin);
        return svg.Append("</svg>\n").ToString();
    }

    private static void Box(StringBuilder svg, BlameReport report, BlameRow row, int depth, double left, double wholeWidth)
    {
        var width = Math.Min(row.Share, 1) * wholeWidth;
        var isNamed = row.Name == report.Verdict.Name && (row.Kind == CalleeKind.SystemCall) == (report.Verdict.Kind == BlameKind.SystemCall);
        var fill = isNamed ? "#c0504d" : row.Kind == CalleeKind.SystemCall ? "#d9b38c" : row.Own is not null ? "#9fbfdf" : "#dddddd";
        var text = $"{row.Name} {row.Share:P0}";
        var room = (int)((width - 8) / CharacterWidth);
        if (text.Length > room) text = room >= 4 ? text[..(room - 1)] + "…" : "";
        Add(svg, $"""<g><title>{Escaped($"{row.Name}: {row.Share:P1}, own {row.Own:P1}, {row.CallsPerSecond:0.#} calls/s")}</title><rect x="{left:0.##}" y="{Top + Row * depth}" width="{Math.Max(width - 1, 0.5):0.##}" height="{Row - 2}" fill="{fill}"/><text x="{left + 4:0.##}" y="{Top + Row * depth + 18}" fill="#222222">{Escaped(text)}</text></g>""");
        foreach (var child in row.Children.Where(c => c.Share >= SmallestShown))
        {
            Box(svg, report, child, depth + 1, left, wholeWidth);
            left += child.Share * wholeWidth;
        }
    }

    private static int DepthOf(BlameRow row) => 1 + row.Children.Where(c => c.Share >= SmallestShown).Select(DepthOf).DefaultIfEmpty(0).Max();

    private static string Escaped(string text) => SecurityElement.Escape(VisibleText.Of(text)) ?? "";

    private static void Add(StringBuilder svg, FormattableString line) => svg.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
