using System.Collections.Immutable;
using KernOpt.Code.Graphs;
using KernOpt.Target;

namespace KernOpt.Live.Points.Copying;

/// <summary>
/// Instructions Start..Stop-1 of a block as they are executed in the region. With a Way control comes to the first by that store; without one Start is 0, and it comes by jumps of other pieces alone.
/// Where Stop is the block's length the piece goes on to pieces of the blocks behind it; else to the original Stop.
/// </summary>
internal sealed record CopiedPiece(BasicBlock Block, int Start, int Stop, Placement? Way)
{
    public bool IsWhole => Stop == Block.Instructions.Length;

    public AddressRange Text => AddressRange.Between(new Address(Block.Instructions[Start].IP), IsWhole ? Block.Close : new Address(Block.Instructions[Stop].IP));
}

/// <summary>A part of a function that is executed in the region, and where code is to run in it, by address.</summary>
internal sealed record CopiedPart(ImmutableArray<CopiedPiece> Pieces, ImmutableArray<Point> Points)
{
    public ImmutableArray<Placement> Ways { get; } = [.. Pieces.Where(p => p.Way is not null).Select(p => p.Way!)];

    /// <summary>The piece that control comes to through the start of a block; null where that is none of the part's.</summary>
    public CopiedPiece? At(Address start) => Pieces.FirstOrDefault(p => p.Way is null && p.Block.Start == start);

    /// <summary>The points whose code is in a piece, ascending. What goes on to another piece of its block meets there the points of where that begins.</summary>
    public IEnumerable<(Point Point, int Number)> In(CopiedPiece piece)
    {
        var goesOn = Pieces.Any(p => p.Way is not null && p.Block == piece.Block && p.Start == piece.Stop);
        return Points.Select((p, n) => (Point: p, Number: n))
            .Where(p => p.Point.Block == piece.Block && p.Point.Index >= piece.Start && (p.Point.Index < piece.Stop || (p.Point.Index == piece.Stop && !goesOn))).OrderBy(p => p.Point.Index);
    }
}
