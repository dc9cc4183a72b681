using KernOpt.Code.Graphs;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Live.Points;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>How often each block and edge of one function is run: some blocks are counted, the rest follows.</summary>
public static class BlocksRun
{
    /// <summary>Claims the target. Ended early it answers what was counted until then. Refused when the function cannot be found or none of its blocks takes a counter.</summary>
    public static async Task<Outcome<BlocksReport>> RunAsync(Session session, string name, TimeSpan time, IProgress<string> progress, CancellationToken cancellation)
    {
        if (!session.Change().Try(out _, out var why)) return why;
        Leftovers.TakeOutPoints(session);
        if (!session.ParseNamed(name).Try(out var graph, out why)) return why;
        if (PointRules.Check(session, graph) is { } refusal) return refusal;
        var refusals = new RefusalCount();
        if (PointRules.LeftOut(session, graph, PlaceKind.Blocks) is { } missing) refusals.Add(missing, graph.Function.DisplayName);
        var entries = PointRules.Entries(session, graph);
        var enteredElsewhere = graph.Blocks.Where(b => entries.Any(e => e >= b.Start && e < b.Close)).Select(b => b.Index).ToHashSet();
        var loops = LoopForest.Of(graph, Dominators.Of(graph));
        // Those that find room beside each other: padding serves one only.
        var together = session.Live.Ladder().Plan(graph, graph.Blocks.Where(b => !b.Instructions.IsEmpty).Select(b => new Point(b, 0)), entries, isPlaceFree: true);
        foreach (var unplaced in together.Unplaced) refusals.Add(unplaced.Why, graph.Function.DisplayName);
        var countable = together.Placements.Select(p => p.Block.Index).Distinct().ToList();
        // A block in a loop is run more often than the ones around it: ten times, say, for each loop.
        var chosen = FlowCounts.Choose(graph, countable, enteredElsewhere, b => Math.Pow(10, loops.DepthOf(b)));
        var plan = session.Live.Ladder().Plan(graph, chosen.Select(b => new Point(graph.Blocks[b], 0)), entries, isPlaceFree: true);

        using var counters = new PlacedProbes(session, new CountProgram(), "count", refusals, progress);
        counters.Install([plan], cancellation);
        if (cancellation.IsCancellationRequested) return Reasons.Interrupted.With("");
        if (counters.Points.Count == 0) return Reasons.NoWayToPoint.With($"any block of {graph.Function}");
        var (counts, seconds) = await counters.CountAsync(0, time, cancellation).ConfigureAwait(false);
        var notes = await counters.RemoveAsync(cancellation).ConfigureAwait(false);
        var measured = counters.Points.Zip(counts).ToDictionary(c => c.First.Point.Block.Index, c => c.Second);
        var flow = FlowCounts.Derive(graph, measured, enteredElsewhere);
        return new BlocksReport(session.Target.Name, graph.Function.DisplayName, graph.Function.Module.Name, seconds, measured.Count,
            [.. graph.Blocks.Select(b => Row(b, flow, measured, loops))],
            [.. graph.Blocks.SelectMany(b => b.Successors.Distinct().Select(s => new EdgeRow(b.Index, s, (long?)flow.Edge(b.Index, s))))], refusals.Rows(), notes);
    }

    private static BlockCountRow Row(BasicBlock block, FlowCounts flow, Dictionary<int, ulong> measured, LoopForest loops) => new(
        block.Index, block.Start, (long?)flow.Block(block.Index), measured.ContainsKey(block.Index) ? "counted" : flow.Block(block.Index) is null ? "unknown" : "derived",
        loops.DepthOf(block.Index), [.. block.Instructions.Select(i => $"{i.IP:x}  {Listing.Of(i)}")]);
}
