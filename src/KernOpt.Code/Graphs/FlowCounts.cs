namespace KernOpt.Code.Graphs;

/// <summary>
/// How often blocks and edges of a function were passed, derived from the counts of some blocks: what comes into a block goes out of it (Knuth and Stevenson, BIT 13, 1973).
/// Each rule with one unknown left gives it, until none is left. A thread that is inside when the counting begins or ends, or leaves by an exception or longjmp, is off by one each.
/// </summary>
public sealed class FlowCounts
{
    private readonly FunctionGraph graph;
    private readonly IReadOnlySet<int> enteredElsewhere;
    private readonly ulong?[] blocks;
    private readonly Dictionary<(int From, int To), ulong?> edges = [];

    /// <summary>By which the function is left out of a block that may also stay in it.</summary>
    private readonly Dictionary<int, ulong?> exits = [];

    private FlowCounts(FunctionGraph graph, IReadOnlyDictionary<int, ulong> measured, IReadOnlySet<int> enteredElsewhere)
    {
        this.graph = graph;
        this.enteredElsewhere = enteredElsewhere;
        blocks = [.. graph.Blocks.Select(b => measured.TryGetValue(b.Index, out var count) ? count : (ulong?)null)];
        foreach (var block in graph.Blocks)
        {
            foreach (var to in block.Successors.Distinct()) edges[(block.Index, to)] = null;
            if (!block.Exits.IsEmpty) exits[block.Index] = null;
        }
    }

    /// <summary>Null where it does not follow from what was measured.</summary>
    public ulong? Block(int index) => blocks[index];

    /// <summary>Null where it does not follow from what was measured.</summary>
    public ulong? Edge(int from, int to) => edges[(from, to)];

    /// <param name="graph">The function.</param>
    /// <param name="measured">Counts by the block's index.</param>
    /// <param name="enteredElsewhere">Blocks into which control also comes by ways that the graph does not show; the function's entry is always one.</param>
    public static FlowCounts Derive(FunctionGraph graph, IReadOnlyDictionary<int, ulong> measured, IReadOnlySet<int> enteredElsewhere)
    {
        var flow = new FlowCounts(graph, measured, enteredElsewhere);
        while (graph.Blocks.Aggregate(false, (changed, block) => flow.In(block) | flow.Out(block) | changed))
        {
        }
        return flow;
    }

    /// <summary>
    /// Blocks whose counts tell all that the counts of the given ones tell, fewer where some follow from others. Costs: what counting a block costs; the dearest are left out
    /// first. Looks at no more than 300 blocks, since each is tried by a derivation of its own.
    /// </summary>
    public static IReadOnlyList<int> Choose(FunctionGraph graph, IReadOnlyCollection<int> countable, IReadOnlySet<int> enteredElsewhere, Func<int, double> cost)
    {
        const int most = 300;
        var chosen = countable.ToHashSet();
        if (graph.Blocks.Length > most) return [.. chosen.Order()];
        var all = Known(chosen);
        foreach (var block in countable.OrderByDescending(cost).ThenBy(b => b))
        {
            chosen.Remove(block);
            if (Known(chosen) < all) chosen.Add(block);
        }
        return [.. chosen.Order()];

        int Known(HashSet<int> measured)
        {
            var flow = Derive(graph, measured.ToDictionary(b => b, _ => 0UL), enteredElsewhere);
            return flow.blocks.Count(b => b is not null) + flow.edges.Count(e => e.Value is not null);
        }
    }

    private bool In(BasicBlock block)
    {
        if (graph.IsEntered(block) || enteredElsewhere.Contains(block.Index)) return false;
        return Balance(block.Index, block.Predecessors.Distinct().Select(p => (p, block.Index)), hasExit: false);
    }

    private bool Out(BasicBlock block) =>
        block.End is BlockEnd.FallThrough or BlockEnd.Jump or BlockEnd.Branch or BlockEnd.Table && !block.Successors.IsEmpty
        && Balance(block.Index, block.Successors.Distinct().Select(s => (block.Index, s)), exits.ContainsKey(block.Index));

    /// <summary>The block's count is the sum of these edges, and of its exit.</summary>
    private bool Balance(int block, IEnumerable<(int, int)> sides, bool hasExit)
    {
        var list = sides.ToList();
        var unknown = list.Where(s => edges[s] is null).ToList();
        var unknowns = unknown.Count + (hasExit && exits[block] is null ? 1 : 0);
        var sum = list.Aggregate(0UL, (total, s) => total + (edges[s] ?? 0)) + (hasExit ? exits[block] ?? 0 : 0);
        if (blocks[block] is not { } count)
        {
            if (unknowns > 0) return false;
            blocks[block] = sum;
            return true;
        }
        // Never below nothing: threads that were inside at the ends of the time.
        var rest = count > sum ? count - sum : 0;
        if (unknowns != 1) return false;
        if (unknown.Count == 1) edges[unknown[0]] = rest;
        else exits[block] = rest;
        return true;
    }
}
