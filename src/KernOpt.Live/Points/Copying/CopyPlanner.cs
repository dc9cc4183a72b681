using KernOpt.Code.Graphs;
using KernOpt.Live.Points.Rungs;
using KernOpt.Live.Sites;
using KernOpt.Target;

namespace KernOpt.Live.Points.Copying;

/// <summary>
/// Finds for points that no single store reaches the part of the function that has to be executed in the region, so that whoever comes to one of them comes there: from the point back along every way that
/// leads to it, to the nearest instruction of each that one store can replace.
/// <code>
///     Q: test eax, eax              Q: jmp …  ──►  q: test eax, eax
///        je   B            =>          je   B          je   b
///        …                             …               jmp  (behind Q)
///     B: ret      ◄ point           B: ret         b: …
///                                                      jmp  B
/// </code>
/// Refused is what is entered by ways that are no edges, or out of a jump table; and a circle in which nothing can be replaced, since a thread that is in it would not be counted for as long as it stays.
/// </summary>
/// <param name="others">What is changed, or planned, without these points.</param>
/// <param name="context">The same and what has been chosen here so far.</param>
/// <param name="claim">Adds what has been chosen to the latter.</param>
/// <param name="mayMoveCalls">Return addresses may lie in the region, as long as the call lasts.</param>
internal sealed class CopyPlanner(PlacementContext others, PlacementContext context, Action<Placement> claim, Func<bool> mayMoveCalls)
{
    /// <summary>More stores than this are not worth one point, nor what they take from others.</summary>
    public const int MostWays = 24;

    private const int MostPieces = 64;

    /// <summary>The nearest to the point first, whatever it costs: fewer instructions are executed elsewhere.</summary>
    private static readonly IRung[] Ways = [new JumpRung(), new PaddedJumpRung(), new SpringboardRung(), new EarlierJumpRung(), new HopRung(1), new SplitBranchRung(), new PunnedJumpRung(staysInRun: false), new HopRung(2)];

    private readonly Dictionary<int, int> heads = [];
    private readonly List<CopiedPiece> ways = [];
    private readonly HashSet<int> open = [];

    /// <summary>For people: what kept the last one from being planned.</summary>
    public string Obstacle { get; private set; } = "";

    /// <summary>Null where one of the points cannot be reached.</summary>
    public CopiedPart? Plan(IReadOnlyList<Point> points)
    {
        // A way before the first of a block leads to the others as well.
        foreach (var point in points.OrderBy(p => p.At))
        {
            if (!others.IsFree(point))
            {
                Obstacle = $"{point} is taken";
                return null;
            }
            if (!Cover(point.Block, point.Index)) return null;
        }
        List<CopiedPiece> pieces = [.. heads.OrderBy(h => h.Key).Select(h => new CopiedPiece(context.Graph.Blocks[h.Key], 0, h.Value, null)), .. ways];
        // Whoever leaves one of them in the middle of another would miss what is behind.
        if (pieces.GroupBy(p => p.Block).Any(b => Overlap([.. b.OrderBy(p => p.Start).ThenBy(p => p.Stop)])))
        {
            Obstacle = "its ways overlap";
            return null;
        }
        return new CopiedPart([.. pieces], [.. points.OrderBy(p => p.At)]);
    }

    /// <summary>All that comes to the instruction, or to the end of the block where the index is its length, comes through the region.</summary>
    private bool Cover(BasicBlock block, int index)
    {
        if (index > 0 && index < block.Instructions.Length && context.IsEntered(new Point(block, index).At)) return No($"{new Point(block, index)} is entered from elsewhere");
        if (heads.TryGetValue(block.Index, out var stop) && stop >= index && !open.Contains(block.Index)) return true;
        if (ways.FindLastIndex(w => w.Way!.Block == block && w.Start <= index) is >= 0 and var known)
        {
            var way = ways[known];
            if (!CanCopy(block, way.Start, index)) return false;
            ways[known] = way with { Stop = Math.Max(way.Stop, index) };
            return true;
        }
        for (var at = Math.Min(index, block.Instructions.Length - 1); ;)
        {
            if (WayAt(new Point(block, at)) is { } lead)
            {
                if (!CanCopy(block, lead.Lead, Math.Max(index, lead.Lead + 1))) return false;
                if (ways.Count == MostWays || ways.Count + heads.Count == MostPieces) return No($"more than {MostWays} ways lead there");
                // What is replaced is executed in the region in any case.
                ways.Add(new CopiedPiece(block, lead.Lead, Math.Max(index, lead.Lead + 1), lead));
                ways.Sort((a, b) => a.Way!.At.CompareTo(b.Way!.At));
                claim(lead);
                return true;
            }
            var first = context.RunOf(new Point(block, at)).First;
            if (first == 0) break;
            if (!CanCopy(block, first - 1, index)) return false;
            at = first - 1;
        }
        return CanCopy(block, 0, index) && CoverStart(block, index);
    }

    private bool CoverStart(BasicBlock block, int index)
    {
        if (context.Graph.IsEntered(block) || context.IsEntered(block.Start)) return No($"{block.Start} is entered from elsewhere");
        if (!context.NothingRunsInto(block)) return No($"what lies before {block.Start} may run on into it");
        if (block.Predecessors.IsEmpty) return No($"no way is known to {block.Start}");
        if (!open.Add(block.Index)) return No($"in the circle through {block.Start} nothing can be replaced");
        heads[block.Index] = Math.Max(index, heads.GetValueOrDefault(block.Index));
        foreach (var predecessor in block.Predecessors.Select(p => context.Graph.Blocks[p]))
        {
            if (predecessor.End is not (BlockEnd.FallThrough or BlockEnd.Jump or BlockEnd.Branch)) return No($"{block.Start} is in a jump table");
            if (!Cover(predecessor, predecessor.Instructions.Length)) return false;
        }
        open.Remove(block.Index);
        return true;
    }

    /// <summary>What one store can make a jump: the instruction, or one before it in the same straight run.</summary>
    private Placement? WayAt(Point at)
    {
        if (IsCall(at) && context.CanStore(at, PatchSites.JumpBytes) && context.IsFree(at) && mayMoveCalls()) return new Placement(Rung.Jump, context.Graph, at.Block, at.Index, [at.Index]);
        foreach (var rung in Ways)
        {
            if (rung.Place(context, at) is { IsCall: false } found) return found with { Points = [found.Lead], Asked = [found.Lead] };
        }
        return null;
    }

    /// <summary>Instructions from..to-1 do the same in the region, nobody else has them executed elsewhere, and none but the first is entered by others.</summary>
    private bool CanCopy(BasicBlock block, int from, int to)
    {
        for (var i = from; i < to; i++)
        {
            var point = new Point(block, i);
            if (!others.IsFree(point)) return No($"{point} is taken");
            if (i > from && context.IsEntered(point.At)) return No($"{point} is entered from elsewhere");
            if (StraightRun.CanBypass(point.Instruction)) continue;
            if (i == block.Instructions.Length - 1 && point.Instruction.FlowControl is Iced.Intel.FlowControl.ConditionalBranch or Iced.Intel.FlowControl.UnconditionalBranch) continue;
            if (!IsCall(point)) return No($"{point.Instruction} at {point} stays where it is");
            if (!mayMoveCalls()) return No($"the call at {point} stays where it is");
        }
        return true;
    }

    private static bool IsCall(Point point) => point.Instruction.FlowControl is Iced.Intel.FlowControl.Call or Iced.Intel.FlowControl.IndirectCall
        && (point.Instruction.IsCallNear || point.Instruction.IsCallNearIndirect) && point.Instruction.MemoryBase != Iced.Intel.Register.EIP;

    private static bool Overlap(IReadOnlyList<CopiedPiece> ascending) => ascending.Zip(ascending.Skip(1)).Any(p => p.First.Stop > p.Second.Start);

    private bool No(string why)
    {
        Obstacle = why;
        return false;
    }
}
