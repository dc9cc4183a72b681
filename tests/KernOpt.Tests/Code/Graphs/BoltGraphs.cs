using System.Globalization;
using System.Text.RegularExpressions;

namespace KernOpt.Tests.Code.Graphs;

/// <summary>
/// A function as llvm-bolt prints it: blocks in layout order, each with the indexes of its successors in layout order. Block 0 is the entry.
/// (The offsets that it prints are no help: they shift where it encodes an instruction otherwise than the compiler did.)
/// </summary>
internal sealed record BoltFunction(string Name, ulong Address, bool IsSimple, bool IsFragment, IReadOnlyList<int[]> Blocks);

/// <summary>Reads "llvm-bolt --print-cfg".</summary>
internal static partial class BoltGraphs
{
    public const string Program = "/usr/bin/llvm-bolt-19";

    public static List<BoltFunction> Of(string path) =>
        [.. Text(path).Split("\nBinary Function \"").Skip(1).Select(Parse)];

    private static string Text(string path)
    {
        var discarded = Path.GetTempFileName();
        var text = BinaryFile.Run(Program, path, "-o", discarded, "--print-cfg", "--lite=0", "--jump-tables=move");
        File.Delete(discarded);
        return text;
    }

    private static BoltFunction Parse(string text)
    {
        var address = ulong.Parse(Address().Match(text).Groups[1].Value, NumberStyles.HexNumber);
        var blocks = new List<(string Label, string[] To)>();
        foreach (Match m in Block().Matches(text))
        {
            // BOLT gives a conditional tail call (".LTC") a block of its own; in the program there is none.
            if (m.Groups[1].Value.StartsWith(".LTC")) continue;
            var to = Successors().Match(m.Groups[2].Value);
            blocks.Add((m.Groups[1].Value, to.Success ? [.. Label().Matches(to.Value).Select(l => l.Value)] : []));
        }
        var indexes = blocks.Select((b, i) => (b.Label, i)).ToDictionary(b => b.Label, b => b.i);
        return new BoltFunction(text[..text.IndexOf('"')], address, text.Contains("IsSimple    : 1"), text.Contains("IsFragment  : true"),
            [.. blocks.Select(b => b.To.Where(indexes.ContainsKey).Select(t => indexes[t]).Distinct().Order().ToArray())]);
    }

    [GeneratedRegex(@"Address\s+: 0x([0-9a-f]+)")]
    private static partial Regex Address();

    [GeneratedRegex(@"^(\.\w+) \(\d+ instructions.*\n((?:.+\n)*)", RegexOptions.Multiline)]
    private static partial Regex Block();

    [GeneratedRegex(@"^  Successors: .*$", RegexOptions.Multiline)]
    private static partial Regex Successors();

    [GeneratedRegex(@"\.\w+")]
    private static partial Regex Label();
}
