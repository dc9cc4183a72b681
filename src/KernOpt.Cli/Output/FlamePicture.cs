using System.Globalization;
using System.Security;
using System.Text;
using KernOpt.Engine.Reports;
using KernOpt.Target;

namespace KernOpt.Cli.Output;

/// <summary>
/// Stacks as SVG, without scripts: a box for each function that calls led through, as wide as its share, above who called it (Gregg, "The Flame Graph", CACM 59(6), 2016); names on hovering.
/// </summary>
internal static class FlamePicture
{
    private const double Width = 1200, Margin = 16, Top = 56, Row = 18, CharacterWidth = 6.2, NarrowestShown = 0.4;

    public static string Of(string target, StacksReport stacks)
    {
        var root = new Node("all");
        foreach (var stack in stacks.Stacks) root.Add(StackNames.FromOutermost(stack), stack.Count);
        var scale = root.Count == 0 ? 0 : (Width - 2 * Margin) / root.Count;
        var height = Top + Row * root.Depth(scale) + Margin;
        var svg = new StringBuilder();
        Add(svg, $"""<svg xmlns="http://www.w3.org/2000/svg" width="{Width}" height="{height}" viewBox="0 0 {Width} {height}" font-family="sans-serif" font-size="11">""");
        Add(svg, $"""<rect width="100%" height="100%" fill="#ffffff"/>""");
        Add(svg, $"""<text x="{Margin}" y="24" font-size="16" fill="#222222">{Escaped($"Calls in {target}")}</text>""");
        Add(svg, $"""<text x="{Margin}" y="44" fill="#555555">{stacks.Total} stacks, {stacks.Truncated} of them truncated</text>""");
        Box(svg, root, root.Count, Margin, height - Margin - Row, scale);
        return svg.Append("</svg>\n").ToString();
    }

    private static void Box(StringBuilder svg, Node node, long all, double left, double y, double scale)
    {
        var width = node.Count * scale;
        if (width < NarrowestShown) return;
        var room = (int)((width - 6) / CharacterWidth);
        var text = node.Name.Length <= room ? node.Name : room >= 3 ? node.Name[..(room - 1)] + "…" : "";
        // The same function has the same colour everywhere.
        var hue = node.Name.Aggregate(17u, (hash, letter) => hash * 31 + letter) % 50;
        Add(svg, $"""<g><title>{Escaped($"{node.Name}: {node.Count}, {(double)node.Count / all:P1}")}</title><rect x="{left:0.##}" y="{y:0.##}" width="{Math.Max(width - 0.5, 0.3):0.##}" height="{Row - 1}" fill="hsl({hue},70%,70%)"/><text x="{left + 3:0.##}" y="{y + 13:0.##}" fill="#222222">{Escaped(text)}</text></g>""");
        foreach (var child in node.Children.OrderBy(c => c.Name, StringComparer.Ordinal))
        {
            Box(svg, child, all, left, y - Row, scale);
            left += child.Count * scale;
        }
    }

    private static string Escaped(string text) => SecurityElement.Escape(VisibleText.Of(text)) ?? "";

    private static void Add(StringBuilder svg, FormattableString line) => svg.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');

    private sealed class Node(string name)
    {
        private readonly Dictionary<string, Node> children = new(StringComparer.Ordinal);

        public string Name => name;
        public long Count { get; private set; }
        public IEnumerable<Node> Children => children.Values;

        public void Add(IEnumerable<string> frames, long count)
        {
            Count += count;
            var node = this;
            foreach (var frame in frames)
            {
                if (!node.children.TryGetValue(frame, out var child)) node.children[frame] = child = new Node(frame);
                child.Count += count;
                node = child;
            }
        }

        public int Depth(double scale) => Count * scale < NarrowestShown ? 0 : 1 + children.Values.Select(c => c.Depth(scale)).DefaultIfEmpty(0).Max();
    }
}
