using System.Collections.Immutable;

namespace KernOpt.Code.Graphs;

/// <summary>A natural loop: the header dominates every block of it. Parent is the index of the loop around it, or null. Depth is 1 for the outermost.</summary>
public sealed record Loop(int Index, int Header, ImmutableArray<int> Blocks, int? Parent, int Depth);

/// <summary>
/// The natural loops of a graph (Aho, Lam, Sethi, Ullman, "Compilers", 9.6): for each back edge, the blocks that reach it without passing its
/// header; loops with one header are one. Cycles without a dominating header (irreducible ones) are not loops here; HasIrreducible tells of them.
/// </summary>
public sealed class LoopForest
{
    private readonly int?[] innermost;

    private LoopForest(ImmutableArray<Loop> loops, int?[] innermost, bool hasIrreducible)
    {
        Loops = loops;
        this.innermost = innermost;
        HasIrreducible = hasIrreducible;
    }

    /// <summary>Outer loops before those that they contain.</summary>
    public ImmutableArray<Loop> Loops { get; }

    public bool HasIrreducible { get; }

    /// <summary>The innermost loop that holds the block, or null.</summary>
    public Loop? Of(int block) => innermost[block] is { } index ? Loops[index] : null;

    /// <summary>How many loops hold the block.</summary>
    public int DepthOf(int block) => Of(block)?.Depth ?? 0;

    public static LoopForest Of(FunctionGraph graph, Dominators dominators)
    {
        var bodies = new Dictionary<int, HashSet<int>>();
        var hasIrreducible = false;
        var order = new int[graph.Blocks.Length];
        for (var i = 0; i < dominators.Order.Length; i++) order[dominators.Order[i]] = i;
        foreach (var source in dominators.Order)
        {
            foreach (var target in graph.Blocks[source].Successors)
            {
                if (order[target] > order[source]) continue;
                if (dominators.Dominates(target, source)) Gather(graph, dominators, bodies, target, source);
                else hasIrreducible = true;
            }
        }
        return Nest(graph, bodies, hasIrreducible);
    }

    private static void Gather(FunctionGraph graph, Dominators dominators, Dictionary<int, HashSet<int>> bodies, int header, int tail)
    {
        if (!bodies.TryGetValue(header, out var body)) bodies.Add(header, body = [header]);
        var open = new Stack<int>([tail]);
        while (open.TryPop(out var block))
        {
            if (!dominators.IsReached(block) || !body.Add(block)) continue;
            foreach (var predecessor in graph.Blocks[block].Predecessors) open.Push(predecessor);
        }
    }

    private static LoopForest Nest(FunctionGraph graph, Dictionary<int, HashSet<int>> bodies, bool hasIrreducible)
    {
        var innermost = new int?[graph.Blocks.Length];
        var loops = ImmutableArray.CreateBuilder<Loop>(bodies.Count);
        // Natural loops with different headers are disjoint or nested, so that a larger one is never inside a smaller one.
        foreach (var (header, body) in bodies.OrderByDescending(b => b.Value.Count).ThenBy(b => b.Key))
        {
            var parent = innermost[header];
            var loop = new Loop(loops.Count, header, [.. body.Order()], parent, parent is { } p ? loops[p].Depth + 1 : 1);
            loops.Add(loop);
            foreach (var block in body) innermost[block] = loop.Index;
        }
        return new LoopForest(loops.MoveToImmutable(), innermost, hasIrreducible);
    }
}
