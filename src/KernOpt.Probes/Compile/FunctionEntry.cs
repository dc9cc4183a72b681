using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Live.Points;

namespace KernOpt.Probes.Compile;

/// <summary>Where a call has just begun.</summary>
internal static class FunctionEntry
{
    /// <summary>Nothing but the endbr64 has been executed, and nobody comes back here.</summary>
    public static bool IsAt(FunctionGraph graph, Point point) =>
        point.Block == graph.Entry && point.Block.Predecessors.IsEmpty && (point.Index == 0 || (point.Index == 1 && point.Block.Instructions[0].Mnemonic == Mnemonic.Endbr64));
}

/// <summary>Where a call is about to end.</summary>
public static class FunctionExit
{
    /// <summary>Each return and each jump to another function.</summary>
    public static IEnumerable<Point> Of(FunctionGraph graph) => graph.Blocks.Where(Leaves).Select(b => new Point(b, b.Instructions.Length - 1));

    internal static bool IsAt(Point point) => Leaves(point.Block) && point.Index == point.Block.Instructions.Length - 1;

    private static bool Leaves(BasicBlock block) => block.End is BlockEnd.Return or BlockEnd.TailJump or BlockEnd.IndirectTailJump;
}
