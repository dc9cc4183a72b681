using KernOpt.Code.Graphs;
using KernOpt.Live.Sites;
using KernOpt.Target;

namespace KernOpt.Live.Points;

/// <summary>What the rungs ask about the text around a point: what one store can change, what is free, where padding lies.</summary>
internal sealed class PlacementContext(ITarget target, PatchSites sites, FunctionGraph graph, IReadOnlySet<Address> entries, IReadOnlyList<AddressRange> innerPadding, TakenText taken)
{
    public const int JumpBytes = PatchSites.JumpBytes;
    public const int ShortJumpBytes = PatchSites.ShortJumpBytes;

    public FunctionGraph Graph => graph;

    public StraightRun RunOf(Point point) => StraightRun.Around(point.Block, point.Index, entries);

    /// <summary>The first bytes of the instruction can be replaced at once.</summary>
    public bool CanStore(Point point, int bytes) => point.Instruction.Length >= bytes && target.CanStoreAtOnce(point.At, bytes);

    /// <summary>Nobody has changed the instruction, or has it executed elsewhere.</summary>
    public bool IsFree(Point point) => !taken.Overlaps(AddressRange.Between(point.At, new Address(point.Instruction.NextIP)));

    /// <summary>Padding that a short jump there reaches.</summary>
    public Address? SpringboardFor(Point point) => sites.FindSpringboard(graph.Function, point.At, taken.Overlaps, innerPadding);
}
