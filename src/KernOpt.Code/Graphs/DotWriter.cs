using System.Text;
using Iced.Intel;

namespace KernOpt.Code.Graphs;

/// <summary>Draws a function's graph in Graphviz's language: one box per block with its instructions, hot blocks filled, taken edges labelled.</summary>
public static class DotWriter
{
    private const int MostLines = 24;

    /// <param name="graph">What to draw.</param>
    /// <param name="countOf">How often a block ran, by index; null when not measured.</param>
    /// <param name="countOfEdge">How often control went from one block to another; null when not known.</param>
    public static string Write(FunctionGraph graph, Func<int, long?>? countOf = null, Func<int, int, long?>? countOfEdge = null)
    {
        var text = new StringBuilder();
        var formatter = new IntelFormatter();
        var most = Math.Max(1, graph.Blocks.Max(b => countOf?.Invoke(b.Index) ?? 0));
        text.AppendLine($"digraph \"{Escape(graph.Function.DisplayName)}\" {{");
        text.AppendLine("  node [shape=box, fontname=\"monospace\", style=filled, fillcolor=white];");
        foreach (var block in graph.Blocks)
        {
            var count = countOf?.Invoke(block.Index);
            var fill = count is > 0 ? $", fillcolor=\"0.05 {0.1 + 0.8 * count.Value / most:f2} 1.0\"" : "";
            text.AppendLine($"  b{block.Index} [label=\"{Label(block, count, formatter)}\"{fill}];");
            AppendEdges(text, block, countOfEdge);
        }
        return text.AppendLine("}").ToString();
    }

    private static void AppendEdges(StringBuilder text, BasicBlock block, Func<int, int, long?>? countOfEdge)
    {
        for (var i = 0; i < block.Successors.Length; i++)
        {
            var isTaken = block.End == BlockEnd.Branch && block.Exits.IsEmpty && i == 0;
            var isTable = block.End == BlockEnd.Table;
            var count = countOfEdge?.Invoke(block.Index, block.Successors[i]);
            var label = string.Join(' ', new[] { isTaken ? "taken" : null, count is { } times ? $"x{times:n0}" : null }.OfType<string>());
            var style = string.Join(", ", new[] { label.Length > 0 ? $"label=\"{label}\"" : null, isTable ? "style=dashed" : null, count == 0 ? "color=grey" : null }.OfType<string>());
            text.AppendLine($"  b{block.Index} -> b{block.Successors[i]}{(style.Length > 0 ? $" [{style}]" : "")};");
        }
        foreach (var exit in block.Exits)
        {
            text.AppendLine($"  x{exit.Value:x} [label=\"{exit}\", shape=plaintext];");
            text.AppendLine($"  b{block.Index} -> x{exit.Value:x} [style=dotted];");
        }
    }

    private static string Label(BasicBlock block, long? count, IntelFormatter formatter)
    {
        var label = new StringBuilder($"{block.Start} {block.End}");
        if (count is { } times) label.Append($" x{times:n0}");
        label.Append("\\l");
        var output = new StringOutput();
        foreach (var instruction in block.Instructions.Take(MostLines))
        {
            formatter.Format(instruction, output);
            label.Append(Escape(output.ToStringAndReset())).Append("\\l");
        }
        if (block.Instructions.Length > MostLines) label.Append($"... {block.Instructions.Length - MostLines} more\\l");
        return label.ToString();
    }

    private static string Escape(string text) => text.Replace("\\", "\\\\").Replace("\"", "\\\"");
}
