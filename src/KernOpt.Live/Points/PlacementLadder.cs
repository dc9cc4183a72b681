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
public sealed partial class PlacementLadder
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

    /// <summary>That, and what has been planned of the function in hand.</summary>
    private TakenText planned;
    private readonly ICodeSource source;
    private readonly StoneRoom room;
    private (FunctionGraph? Graph, IReadOnlyList<AddressRange> Ranges) inner = (null, []);

    internal PlacementLadder(ITarget target, ICodeSource source, PatchSites sites, IEnumerable<AddressRange> changed)
    {
        this.target = target;
        this.source = source;
        this.sites = sites;
        planned = taken = new TakenText(changed, target.IsReserved);
        room = new StoneRoom(target.ReadFreeSpace(RegionFormat.DefaultDataBytes + RegionFormat.DefaultCodeBytes));
    }

    /// <param name="graph">The function.</param>
    /// <param name="points">Of its blocks. See <see cref="Point.BehindEndbr"/>.</param>
    /// <param name="entries">Where code outside of the function enters it elsewhere than at its start.</param>
    /// <param name="isPlaceFree">What will run there is <see cref="IPointProgram.IsPlaceFree"/>.</param>
    /// <param name="mayMoveCalls">Whether calls of the function may be made from the region, so that they return there; asked when it matters. Null: they may not.</param>
    /// <returns>Points are left out for reasons 5401 to 5404, and 5409.</returns>
    public PlacementPlan Plan(FunctionGraph graph, IEnumerable<Point> points, IReadOnlySet<Address> entries, bool isPlaceFree, Func<bool>? mayMoveCalls = null)
    {
        planned = new TakenText(taken);
        var context = ContextOf(graph, entries);
        var placements = new List<Placement>();
        var left = Plan(context, [.. points.Select(p => p.BehindEndbr).Distinct()], isPlaceFree ? PlaceFree : Exact, placements);
        left = Plan(context, left, AtLast, placements);
        var unplaced = Copies(context, left, mayMoveCalls ?? Never, placements);
        foreach (var placement in placements) ClaimText(placement, taken);
        return new PlacementPlan(placements, unplaced);
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
    public Rung? RungOf(FunctionGraph graph, Point point, IReadOnlySet<Address> entries, bool isPlaceFree, out Refusal? whyNot, Func<bool>? mayMoveCalls = null)
    {
        planned = taken;
        var context = ContextOf(graph, entries);
        var place = point.BehindEndbr;
        var placement = Place(context, place, isPlaceFree ? PlaceFree : Exact) ?? Place(context, place, AtLast);
        whyNot = null;
        if (placement is not null) return placement.Rung;
        var copy = Copy(context, [place], mayMoveCalls ?? Never, out var obstacle);
        if (copy is not null) GiveBackStones(copy);
        else whyNot = WhyNot(context, place, obstacle);
        return copy?.Rung;
    }

    private PlacementContext ContextOf(FunctionGraph graph, IReadOnlySet<Address> entries)
    {
        if (inner.Graph != graph) inner = (graph, InnerPadding.Of(graph, source, entries));
        return new PlacementContext(target, source, sites, graph, entries, inner.Ranges, planned, room);
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
        return planned.Overlaps(longer.Bypassed) ? null : longer;
    }

    private void Close(Placement? placement, List<Placement> into)
    {
        if (placement is null) return;
        into.Add(placement);
        ClaimText(placement, planned);
        TakeStones(placement);
    }

    /// <param name="obstacle">What keeps the last rung of all from being taken.</param>
    private static Refusal WhyNot(PlacementContext context, Point point, string obstacle) => WhyNot(context, point).With($"{point.Instruction} at {point} in {context.Graph.Function}; a copy of what leads there: {obstacle}");

    private static Reason WhyNot(PlacementContext context, Point point)
    {
        var run = context.RunOf(point);
        var lead = Enumerable.Range(run.First, point.Index - run.First + 1).Select(i => new Point(point.Block, i)).ToList();
        if (lead.Exists(p => !context.IsFree(p))) return Reasons.PointTaken;
        var movable = lead.Where(p => StraightRun.CanMove(p.Instruction)).ToList();
        if (movable.Count == 0 && !(context.HasStones && context.SplitBranchAt(point) is not null)) return Reasons.PointNotMovable;
        if (context.HasStones) return Reasons.NoStone;
        return movable.TrueForAll(p => p.Instruction.Length < PlacementContext.ShortJumpBytes) ? Reasons.PointTooShort : Reasons.NoWayToPoint;
    }
}
