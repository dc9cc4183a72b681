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
    public const int ShortJumpBytes = PatchSites.ShortJumpBytes;

    public FunctionGraph Graph => graph;

    public StraightRun RunOf(Point point) => StraightRun.Around(point.Block, point.Index, entries);

    /// <summary>The first bytes of the instruction can be replaced at once.</summary>
    public bool CanStore(Point point, int bytes) => point.Instruction.Length >= bytes && target.CanStoreAtOnce(point.At, bytes);

    /// <summary>Nobody has changed the instruction, or has it executed elsewhere.</summary>
    public bool IsFree(Point point) => !taken.Overlaps(AddressRange.Between(point.At, new Address(point.Instruction.NextIP)));

    /// <summary>Padding that a short jump there reaches.</summary>
    public Address? SpringboardFor(Point point) => sites.FindSpringboard(graph.Function, point.At, taken.Overlaps, innerPadding);

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
