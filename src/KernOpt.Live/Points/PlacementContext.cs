using System.Collections.Immutable;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Live.Points.Punning;
using KernOpt.Live.Sites;
using KernOpt.Target;

namespace KernOpt.Live.Points;

/// <summary>What the rungs ask about the text around a point: what one store can change, what is free, where padding lies, and where pages may be mapped.</summary>
internal sealed class PlacementContext(
    ITarget target, ICodeSource source, PatchSites sites, FunctionGraph graph, IReadOnlySet<Address> entries, IReadOnlyList<AddressRange> innerPadding, TakenText taken, StoneRoom room)
{
    public const int JumpBytes = PatchSites.JumpBytes;
    private const ulong CacheLine = 64;

    public const int ShortJumpBytes = PatchSites.ShortJumpBytes;

    public FunctionGraph Graph => graph;

    /// <summary>The same, with more text taken.</summary>
    public PlacementContext With(TakenText more) => new(target, source, sites, graph, entries, innerPadding, more, room);

    /// <summary>To be filled, and given to <see cref="With"/>.</summary>
    public TakenText MoreTaken() => new(taken);

    /// <summary>Code that the graph does not show comes in there.</summary>
    public bool IsEntered(Address at) => entries.Contains(at);

    /// <summary>Right before the block lies another one of the function, or padding behind one that never runs on: no code that the graph does not show falls through into it.</summary>
    public bool NothingRunsInto(BasicBlock block) => graph.Blocks.Any(b => b.Close == block.Start) || innerPadding.Any(p => p.End == block.Start);

    public StraightRun RunOf(Point point) => StraightRun.Around(point.Block, point.Index, entries);

    /// <summary>The first bytes of the instruction can be replaced at once.</summary>
    public bool CanStore(Point point, int bytes) => point.Instruction.Length >= bytes && target.CanStoreAtOnce(point.At, bytes);

    /// <summary>Nobody has changed the instruction, or has it executed elsewhere.</summary>
    public bool IsFree(Point point) => !taken.Overlaps(AddressRange.Between(point.At, new Address(point.Instruction.NextIP)));

    /// <summary>Padding that a short jump there reaches.</summary>
    public Address? SpringboardFor(Point point) => sites.FindSpringboard(graph.Function, point.At, taken.Overlaps, innerPadding);

    /// <summary>The same where none is in reach, by so many short jumps in padding on the way; null where there is no way.</summary>
    public (ImmutableArray<Address> Hops, Address Springboard)? HopsFor(Point point, int hops) => WayFrom(point.At, [], hops);

    private (ImmutableArray<Address> Hops, Address Springboard)? WayFrom(Address at, ImmutableArray<Address> way, int hops)
    {
        if (hops == 0) return SpringboardFrom(at, way) is { } springboard ? (way, springboard) : null;
        foreach (var hop in HopsFrom(at, way))
        {
            if (WayFrom(hop, way.Add(hop), hops - 1) is { } found) return found;
        }
        return null;
    }

    /// <summary>
    /// So many bytes of padding lie right behind the instruction, and one store can fill them. All of the jump lies in one cache line: a processor that fetched the padding's line before its store, and
    /// the instruction's behind its own, would put the two together (adr/0003).
    /// </summary>
    public bool HasPaddingBehind(Point point, int bytes)
    {
        var range = new AddressRange(new Address(point.Instruction.NextIP), (ulong)bytes);
        return target.CanStoreAtOnce(range.Start, bytes) && point.At.AlignDown(CacheLine) == (range.End - 1).AlignDown(CacheLine) && !taken.Overlaps(range) && sites.IsPadding(graph.Function, range, innerPadding);
    }

    private IEnumerable<Address> HopsFrom(Address at, ImmutableArray<Address> hops) => sites.FindHops(graph.Function, at, r => IsTaken(r, hops), innerPadding);

    private Address? SpringboardFrom(Address at, ImmutableArray<Address> hops) => sites.FindSpringboard(graph.Function, at, r => IsTaken(r, hops), innerPadding);

    private bool IsTaken(AddressRange range, ImmutableArray<Address> hops) => taken.Overlaps(range) || hops.Any(h => range.Overlaps(new AddressRange(h, ShortJumpBytes)));

    /// <summary>The target takes pages at all.</summary>
    public bool HasStones => !room.IsEmpty;

    /// <summary>
    /// What jumps the first bytes of the instruction make together with those behind them. Always as many bytes are stored as can be at once: so the changes of one place that
    /// have ever been made of it are equally long.
    /// </summary>
    public IEnumerable<PunnedJump> PunnedJumpsAt(Point point)
    {
        if (room.IsEmpty) return [];
        var stored = Math.Min(point.Instruction.Length, PunnedJump.MostStored);
        while (stored > 0 && !target.CanStoreAtOnce(point.At, stored)) stored--;
        var text = new byte[PunnedJump.MostBytes];
        return PunnedJump.Of(point.At, stored, text[..source.Read(point.At, text)]);
    }

    /// <summary>The bytes behind the instruction that complete the jump are nobody else's, and no other function begins among them, where breakpoints are put most.</summary>
    public bool CanComplete(Point point, PunnedJump jump)
    {
        var next = new Address(point.Instruction.NextIP);
        if (jump.Extent.End <= next) return true;
        var behind = AddressRange.Between(next, jump.Extent.End);
        if (taken.Overlaps(behind)) return false;
        for (var at = behind.Start; at < behind.End; at += 1)
        {
            if (!graph.Function.Range.Contains(at) && source.FunctionAt(at) is { } other && other.Start != graph.Function.Start && other.Range.Start >= behind.Start) return false;
        }
        return true;
    }

    /// <summary>Where the jump can come down.</summary>
    public Address? StoneFor(PunnedJump jump) => room.Find(jump.First, jump.Choices);

    /// <summary>The direct jump or call can be led elsewhere by one store of its last bytes, but not of all; null where it cannot, or is none.</summary>
    public SplitBranch? SplitBranchAt(Point point)
    {
        if (point.Instruction.Code is not (Iced.Intel.Code.Call_rel32_64 or Iced.Intel.Code.Jmp_rel32_64) || point.Instruction.Length != JumpBytes) return null;
        for (var kept = 1; kept < JumpBytes; kept++)
        {
            if (target.CanStoreAtOnce(point.At + kept, JumpBytes - kept)) return new SplitBranch(point.At, kept, new Address(point.Instruction.NearBranchTarget));
        }
        return null;
    }

    /// <summary>Where it can come down.</summary>
    public Address? StoneFor(SplitBranch branch) => room.FindEvery(branch.Reach, branch.To, branch.Step);
}
