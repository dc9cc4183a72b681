using System.Globalization;
using KernOpt.Code.Graphs;
using KernOpt.Probes.Compile;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>Which instructions of a function are meant.</summary>
public enum PlaceKind
{
    /// <summary>The first instruction.</summary>
    Entry,
    /// <summary>Each instruction that leaves the function: returns and tail jumps.</summary>
    Exit,
    /// <summary>The first instruction of each basic block.</summary>
    Blocks,
    /// <summary>That, and what is run when a call in it has come back.</summary>
    Parts,
    /// <summary>The first instruction, and each that leaves the function.</summary>
    Calls,
    /// <summary>The instruction at an offset from the function's start.</summary>
    Offset,
}

/// <summary>
/// A place as it is written: <c>FUNC</c>, <c>FUNC+0xOFF</c>, <c>FUNC:entry</c>, <c>FUNC:exit</c>, <c>FUNC:blocks</c>. Function is a name, or a glob (* and ?) with
/// entry, exit or blocks.
/// </summary>
public sealed record Place(string Text, string Function, PlaceKind Kind, ulong Offset)
{
    private static readonly Dictionary<string, PlaceKind> Kinds = new()
    {
        ["entry"] = PlaceKind.Entry, ["exit"] = PlaceKind.Exit, ["blocks"] = PlaceKind.Blocks,
    };

    public bool IsGlob { get; private init; }

    /// <summary>
    /// Reads a place. What is a function's name (<paramref name="isFunction"/> tells) is one, also with "+0x…" behind a module's name, or with characters of patterns in it, as
    /// C++ has them. Refused (8007) when it is no place.
    /// </summary>
    public static Outcome<Place> Parse(string text, Func<string, bool> isFunction)
    {
        if (isFunction(text)) return new Place(text, text, PlaceKind.Entry, 0);
        var colon = text.LastIndexOf(':');
        if (colon > 0 && Kinds.TryGetValue(text[(colon + 1)..], out var kind)) return new Place(text, text[..colon], kind, 0) { IsGlob = IsPattern(text[..colon]) && !isFunction(text[..colon]) };
        // Two colons belong to a name; a pattern says which instructions it means.
        if (text.Length == 0 || colon == 0 || IsPattern(text) || (colon > 0 && text[colon - 1] != ':')) return Malformed(text);
        var plus = text.LastIndexOf("+0x", StringComparison.OrdinalIgnoreCase);
        if (plus > 0 && ulong.TryParse(text.AsSpan(plus + 3), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var offset) && isFunction(text[..plus]))
            return new Place(text, text[..plus], PlaceKind.Offset, offset);
        return new Place(text, text, PlaceKind.Entry, 0);
    }

    /// <summary>The points of a function that are meant. Refused (5406) when no instruction begins at the offset.</summary>
    public Outcome<IReadOnlyList<Live.Points.Point>> In(FunctionGraph graph)
    {
        switch (Kind)
        {
            case PlaceKind.Entry:
                return new[] { new Live.Points.Point(graph.Entry, 0) };
            case PlaceKind.Calls:
                return FunctionExit.Of(graph).Prepend(new Live.Points.Point(graph.Entry, 0)).ToArray();
            case PlaceKind.Exit:
                return FunctionExit.Of(graph).ToArray();
            case PlaceKind.Blocks:
                return graph.Blocks.Where(b => !b.Instructions.IsEmpty).Select(b => new Live.Points.Point(b, 0)).ToArray();
            case PlaceKind.Parts:
                return graph.Blocks.SelectMany(b => BlockParts.Starts(b).Select(i => new Live.Points.Point(b, i))).ToArray();
            default:
                return AtOffset(graph);
        }
    }

    private static bool IsPattern(string text) => text.AsSpan().IndexOfAny('*', '?') >= 0;

    private Outcome<IReadOnlyList<Live.Points.Point>> AtOffset(FunctionGraph graph)
    {
        var at = graph.Function.Start + Offset;
        foreach (var block in graph.Blocks)
        {
            for (var i = 0; i < block.Instructions.Length; i++)
            {
                var instruction = block.Instructions[i];
                if (instruction.IP == at.Value) return new[] { new Live.Points.Point(block, i) };
                if (instruction.IP < at.Value && at.Value < instruction.NextIP)
                    return Reasons.NotAnInstruction.With($"{Text}: it is inside of the one at +0x{instruction.IP - graph.Function.Start.Value:x}");
            }
        }
        return Reasons.NotAnInstruction.With($"{Text}: {graph.Function} has {graph.Function.Size} bytes, and no code there");
    }

    private static Refusal Malformed(string text) => Reasons.BadPlace.With($"'{text}'");
}
