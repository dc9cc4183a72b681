using KernOpt.Code.Graphs;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Live.Points;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>The report, and a picture of it in Graphviz's language.</summary>
public sealed record BlocksResult(BlocksReport Report, string Dot);

/// <summary>How often each block and edge of one function is run: as little as will do is counted, the rest follows.</summary>
public static class BlocksRun
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    /// <summary>Claims the target. Ended early it answers what was counted until then. Refused when the function cannot be found or none of its blocks takes a counter.</summary>
    public static async Task<Outcome<BlocksResult>> RunAsync(Session session, string name, TimeSpan time, IProgress<string> progress, CancellationToken cancellation)
    {
        if (!session.Change().Try(out _, out var why)) return why;
        Leftovers.TakeOutPoints(session);
        if (!session.ParseNamed(name).Try(out var graph, out why)) return why;
        if (PointRules.Check(session, graph) is { } refusal) return refusal;
        var refusals = new RefusalCount();
        if (PointRules.LeftOut(session, graph, PlaceKind.Blocks) is { } missing) refusals.Add(missing, graph.Function.DisplayName);
        var loops = LoopForest.Of(graph, Dominators.Of(graph));
        var network = FlowNetwork.Of(graph, PointRules.Entries(session, graph));
        var meters = MeterPlan.Of(session, network, loops, refusals);

        using var counters = new PlacedProbes(session, new CountProgram(), "count", refusals, progress);
        counters.Install([meters.Plan], cancellation);
        if (cancellation.IsCancellationRequested) return Reasons.Interrupted.With("");
        if (counters.Points.Count == 0) return Reasons.NoWayToPoint.With($"any block of {graph.Function}");
        var (counts, threads, seconds) = await CountAsync(session, counters, time, cancellation).ConfigureAwait(false);
        var notes = await counters.RemoveAsync(cancellation).ConfigureAwait(false);
        var measured = counters.Points.Zip(counts).Where(c => meters.Meters.ContainsKey(c.First.Point)).ToDictionary(c => meters.Meters[c.First.Point], c => c.Second);
        var flow = network.Derive(measured, threads);
        if (flow.Contradictions > 0) notes = [.. notes, $"{flow.Contradictions} counts contradict the function's graph and are left out: control goes ways that it does not show"];
        var report = new BlocksReport(session.Target.Name, graph.Function.DisplayName, graph.Function.Module.Name, seconds, measured.Count, threads,
            [.. graph.Blocks.Select(b => Row(b, flow, measured.Keys, loops))], [.. graph.Blocks.SelectMany(b => Edges(b, flow))], refusals.Rows(), notes);
        return new BlocksResult(report, DotWriter.Write(graph, b => flow.Blocks[b]?.Count, (from, to) => flow.Edges[(from, to)]?.Count));
    }

    /// <summary>
    /// All counters are read twice in a row when the time begins and when it ends: at one moment between two readings each had a value between what was read, and these are of the same moment. Threads: how many the
    /// target had at most.
    /// </summary>
    private static async Task<(IReadOnlyList<FlowCount> Counts, int Threads, double Seconds)> CountAsync(Session session, PlacedProbes counters, TimeSpan time, CancellationToken cancellation)
    {
        var threads = session.Target.ReadThreadNumbers().Count;
        var (from, fromAtMost) = (Read(), Read());
        var seconds = await counters.WatchAsync(time, Look, () => { }, cancellation).ConfigureAwait(false);
        var (to, toAtMost) = (Read(), Read());
        threads = Math.Max(threads, session.Target.ReadThreadNumbers().Count);
        return ([.. counters.Points.Select((_, i) => new FlowCount(to[i] - from[i], Math.Max(0, to[i] - fromAtMost[i]), toAtMost[i] - from[i]))], threads, seconds);

        List<long> Read() => [.. counters.Points.Select(p => (long)p.Word(0))];
    }

    private static BlockCountRow Row(BasicBlock block, FlowCounts flow, IEnumerable<FlowMeter> measured, LoopForest loops)
    {
        var count = flow.Blocks[block.Index];
        var isCounted = measured.Any(m => m.Block == block.Index && !m.IsBehindCalls);
        // What was counted is a fact; how far its moment is from that of the others matters for what is derived from it.
        var (least, most) = isCounted ? (count?.Count, count?.Count) : (count?.AtLeast, count?.AtMost);
        return new BlockCountRow(block.Index, block.Start, count?.Count, isCounted ? "counted" : count is null ? "unknown" : "derived", least, most, flow.Leaving[block.Index]?.Count,
            loops.DepthOf(block.Index), [.. block.Instructions.Select(i => $"{i.IP:x}  {Listing.Of(i)}")]);
    }

    private static IEnumerable<EdgeRow> Edges(BasicBlock block, FlowCounts flow)
    {
        var leaving = flow.Leaving[block.Index]?.Count;
        foreach (var to in block.Successors.Distinct())
        {
            var count = flow.Edges[(block.Index, to)];
            var share = count is { } taken && leaving is > 0 and var all ? Math.Min(1, (double)taken.Count / all) : (double?)null;
            yield return new EdgeRow(block.Index, to, count?.Count, count is null ? "unknown" : "derived", count?.AtLeast, count?.AtMost, share);
        }
    }
}
