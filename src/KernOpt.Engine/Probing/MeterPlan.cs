using KernOpt.Code.Graphs;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Sessions;
using KernOpt.Live.Points;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>Where a function's flow is counted: which meter each of the points serves.</summary>
internal sealed record MeterPlan(PlacementPlan Plan, IReadOnlyDictionary<Point, FlowMeter> Meters)
{
    /// <summary>Instructions of a meter that are tried where its first takes no point.</summary>
    private const int MostTried = 8;

    /// <summary>As few counters as tell all that counters everywhere would tell, at places that are seldom run. What takes none is counted as refused.</summary>
    public static MeterPlan Of(Session session, FlowNetwork network, LoopForest loops, RefusalCount refusals)
    {
        var graph = network.Graph;
        var entries = PointRules.Entries(session, graph);
        var places = Places(session, network, entries, refusals);
        // A block in a loop is run more often than those around it: ten times, say, for each loop.
        var chosen = network.Choose(places.ContainsKey, m => Math.Pow(10, loops.DepthOf(m.Block)));
        var plan = session.Live.Ladder().Plan(graph, chosen.Select(m => places[m]), entries, isPlaceFree: true);
        foreach (var unplaced in plan.Unplaced) refusals.Add(unplaced.Why, graph.Function.DisplayName);
        // Code before an endbr64 runs behind it.
        return new MeterPlan(plan, chosen.DistinctBy(m => places[m].BehindEndbr).ToDictionary(m => places[m].BehindEndbr));
    }

    /// <summary>Meters that find room beside each other (padding serves one only), and where.</summary>
    private static Dictionary<FlowMeter, Point> Places(Session session, FlowNetwork network, IReadOnlySet<Address> entries, RefusalCount refusals)
    {
        var (graph, ladder) = (network.Graph, session.Live.Ladder());
        var open = network.Meters.Where(m => !graph.Blocks[m.Block].Instructions.IsEmpty).ToList();
        var places = new Dictionary<FlowMeter, Point>();
        var why = new Dictionary<FlowMeter, Refusal>();
        for (var tried = 0; tried < MostTried && open.Count > 0; tried++)
        {
            var points = open.Where(m => m.First + tried <= m.Last).ToDictionary(m => m, m => new Point(graph.Blocks[m.Block], m.First + tried).BehindEndbr);
            if (points.Count == 0) break;
            var plan = ladder.Plan(graph, points.Values, entries, isPlaceFree: true);
            var unplaced = plan.Unplaced.ToDictionary(u => u.Point, u => u.Why);
            foreach (var (meter, point) in points)
            {
                if (!unplaced.TryGetValue(point, out var refused)) places[meter] = point;
                else why.TryAdd(meter, refused);
            }
            open.RemoveAll(places.ContainsKey);
        }
        foreach (var meter in open) refusals.Add(why[meter], graph.Function.DisplayName);
        return places;
    }
}
