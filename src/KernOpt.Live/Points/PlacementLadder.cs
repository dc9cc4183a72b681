using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Live.Points.Punning;
using KernOpt.Live.Points.Rungs;
using KernOpt.Live.Regions;
using KernOpt.Live.Sites;
using KernOpt.Target;

namespace KernOpt.Live.Points;

/// <summary>A point that no rung fits, and why.</summary>
public sealed record UnplacedPoint(Point Point, Refusal Why);

/// <summary>What is to be stored for the points of one function, and the points that are left out.</summary>
public sealed record PlacementPlan(IReadOnlyList<Placement> Placements, IReadOnlyList<UnplacedPoint> Unplaced);

/// <summary>
/// Finds for points of functions what has to be stored, the cheapest rung that fits first. Points in one straight run share one store: the first one's. What it has
/// planned it does not plan again for others. Plans only; see <see cref="LiveCode.InstallPoints"/>.
/// </summary>
public sealed class PlacementLadder
{
    private static readonly IRung BehindPushes = new LaterPushRung(new JumpRung(), new CallRung(), new SpringboardRung());

    private static readonly IRung PunnedBehindPushes = new LaterPushRung(new HopRung(1), new SplitBranchRung(), new PunnedJumpRung(staysInRun: true));

    /// <summary>
    /// By what a passage costs: a jump there and back; the same through padding; through a page of its own. A call costs one jump, but serves only its own point.
    /// </summary>
    private static readonly IRung[] Exact =
        [new JumpRung(), new CallRung(), new EarlierJumpRung(), new PaddedJumpRung(), new SpringboardRung(), BehindPushes, new HopRung(1), new SplitBranchRung(), new PunnedJumpRung(staysInRun: true), PunnedBehindPushes];

    /// <summary>LaterRung behind EarlierJump, which costs the same and runs also where the next instruction faults.</summary>
    private static readonly IRung[] PlaceFree =
    [
        new JumpRung(), new CallRung(), new EarlierJumpRung(), new LaterRung(), new PaddedJumpRung(), new SpringboardRung(), BehindPushes, new HopRung(1), new SplitBranchRung(), new PunnedJumpRung(staysInRun: true),
        PunnedBehindPushes,
    ];

    /// <summary>For what is left when all others have their places, since it takes text that they might have used.</summary>
    private static readonly IRung[] AtLast = [new HopRung(2), new PunnedJumpRung(staysInRun: false), new LaterPushRung(new HopRung(2), new PunnedJumpRung(staysInRun: false))];

    private readonly ITarget target;
    private readonly PatchSites sites;
    private readonly TakenText taken;
    private readonly ICodeSource source;
    private readonly StoneRoom room;
    private (FunctionGraph? Graph, IReadOnlyList<AddressRange> Ranges) inner = (null, []);

    internal PlacementLadder(ITarget target, ICodeSource source, PatchSites sites, IEnumerable<AddressRange> changed)
    {
        this.target = target;
        this.source = source;
        this.sites = sites;
        taken = new TakenText(changed);
        room = new StoneRoom(target.ReadFreeSpace(RegionFormat.DefaultDataBytes + RegionFormat.DefaultCodeBytes));
    }

    /// <param name="graph">The function.</param>
    /// <param name="points">Of its blocks. See <see cref="Point.BehindEndbr"/>.</param>
    /// <param name="entries">Where code outside of the function enters it elsewhere than at its start.</param>
    /// <param name="isPlaceFree">What will run there is <see cref="IPointProgram.IsPlaceFree"/>.</param>
    /// <returns>Points are left out for reasons 5401 to 5404, and 5409.</returns>
    public PlacementPlan Plan(FunctionGraph graph, IEnumerable<Point> points, IReadOnlySet<Address> entries, bool isPlaceFree)
    {
        var context = ContextOf(graph, entries);
        var placements = new List<Placement>();
        var left = Plan(context, [.. points.Select(p => p.BehindEndbr).Distinct()], isPlaceFree ? PlaceFree : Exact, placements);
        left = Plan(context, left, AtLast, placements);
        return new PlacementPlan(placements, [.. left.Select(p => new UnplacedPoint(p, WhyNot(context, p)))]);
    }

    /// <summary>Answers the points that none of the rungs fits.</summary>
    private List<Point> Plan(PlacementContext context, List<Point> points, IRung[] rungs, List<Placement> placements)
    {
        var left = new List<Point>();
        foreach (var block in points.GroupBy(p => p.Block))
        {
            Placement? open = null;
            foreach (var point in block.OrderBy(p => p.Index))
            {
                if (open is not null && Join(context, open, point) is { } longer)
                {
                    open = longer;
                    continue;
                }
                Close(open, placements);
                open = Place(context, point, rungs);
                if (open is null) left.Add(point);
            }
            Close(open, placements);
        }
        return left;
    }

    /// <summary>The rung that this point alone would get, whatever else is planned; null where none fits.</summary>
    public Rung? RungOf(FunctionGraph graph, Point point, IReadOnlySet<Address> entries, bool isPlaceFree, out Refusal? whyNot)
    {
        var context = ContextOf(graph, entries);
        var place = point.BehindEndbr;
        var placement = Place(context, place, isPlaceFree ? PlaceFree : Exact) ?? Place(context, place, AtLast);
        whyNot = placement is null ? WhyNot(context, place) : null;
        return placement?.Rung;
    }

    private PlacementContext ContextOf(FunctionGraph graph, IReadOnlySet<Address> entries)
    {
        if (inner.Graph != graph) inner = (graph, InnerPadding.Of(graph, source, entries));
        return new PlacementContext(target, source, sites, graph, entries, inner.Ranges, taken, room);
    }

    private static Placement? Place(PlacementContext context, Point point, IRung[] rungs) => rungs.Select(r => r.Place(context, point)).FirstOrDefault(p => p is not null);

    /// <summary>The placement with one point more, when control comes from its lead to the point and nothing in between is anybody else's.</summary>
    private Placement? Join(PlacementContext context, Placement open, Point point)
    {
        if (context.RunOf(new Point(open.Block, open.Lead)).Last < point.Index) return null;
        // Code that runs behind what was asked for is place-free, or runs behind pushes: either may for this point, too.
        var index = Math.Max(open.Lead, point.Index);
        if (open.IsCall && index > open.Lead) return null;
        var longer = open with { Points = open.Points.Add(index), Asked = open.Asked.Add(point.Index) };
        return taken.Overlaps(longer.Bypassed) ? null : longer;
    }

    private void Close(Placement? placement, List<Placement> into)
    {
        if (placement is null) return;
        into.Add(placement);
        taken.Add(placement.Claimed);
        if (placement.Stone is { } stone) room.Take(stone);
        if (placement.Springboard is { } springboard) taken.Add(new AddressRange(springboard, PlacementContext.JumpBytes));
        foreach (var hop in placement.Hops) taken.Add(new AddressRange(hop, PlacementContext.ShortJumpBytes));
    }

    private static Refusal WhyNot(PlacementContext context, Point point)
    {
        var run = context.RunOf(point);
        var lead = Enumerable.Range(run.First, point.Index - run.First + 1).Select(i => new Point(point.Block, i)).ToList();
        if (lead.Exists(p => !context.IsFree(p))) return Reasons.PointTaken.With($"{point} in {context.Graph.Function}");
        var movable = lead.Where(p => StraightRun.CanMove(p.Instruction)).ToList();
        if (movable.Count == 0 && !(context.HasStones && context.SplitBranchAt(point) is not null)) return Reasons.PointNotMovable.With($"{point.Instruction} at {point} in {context.Graph.Function}");
        if (context.HasStones) return Reasons.NoStone.With($"{point.Instruction} at {point} in {context.Graph.Function}");
        if (movable.TrueForAll(p => p.Instruction.Length < PlacementContext.ShortJumpBytes)) return Reasons.PointTooShort.With($"{point.Instruction} at {point} in {context.Graph.Function}");
        return Reasons.NoWayToPoint.With($"{point.Instruction} at {point} in {context.Graph.Function}");
    }
}
