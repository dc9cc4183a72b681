using System.Collections.Immutable;

namespace KernOpt.Code.Graphs;

/// <summary>
/// The dominator tree of a rooted graph on dense integers: Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm", 2001.
/// Nodes that the root does not reach have no dominator and dominate nothing.
/// </summary>
public sealed class Dominators
{
    private const int None = -1;

    private readonly int[] immediate;
    private readonly int[] position;

    private Dominators(int root, int nodes, Func<int, ImmutableArray<int>> successors, Func<int, ImmutableArray<int>> predecessors)
    {
        Root = root;
        Order = ReversePostorder(root, nodes, successors);
        position = new int[nodes];
        position.AsSpan().Fill(None);
        for (var i = 0; i < Order.Length; i++) position[Order[i]] = i;
        immediate = new int[nodes];
        immediate.AsSpan().Fill(None);
        immediate[root] = root;
        Iterate(predecessors);
    }

    public int Root { get; }

    /// <summary>The nodes that the root reaches, each before its successors but for back edges.</summary>
    public ImmutableArray<int> Order { get; }

    /// <summary>Dominators of the blocks, from the entry.</summary>
    public static Dominators Of(FunctionGraph graph) =>
        new(graph.EntryIndex, graph.Blocks.Length, i => graph.Blocks[i].Successors, i => graph.Blocks[i].Predecessors);

    /// <summary>
    /// Post-dominators of the blocks. The root is a node of its own after all blocks, with the index Blocks.Length: every block from which control may
    /// leave the function leads to it. Blocks that only lead into an endless loop are not reached.
    /// </summary>
    public static Dominators AfterOf(FunctionGraph graph)
    {
        var exit = graph.Blocks.Length;
        ImmutableArray<int> leaving = [.. graph.Blocks.Where(b => b.Successors.IsEmpty || !b.Exits.IsEmpty).Select(b => b.Index)];
        return new Dominators(exit, exit + 1, i => i == exit ? leaving : graph.Blocks[i].Predecessors,
            i => i == exit ? [] : leaving.Contains(i) ? graph.Blocks[i].Successors.Add(exit) : graph.Blocks[i].Successors);
    }

    public bool IsReached(int node) => position[node] != None;

    /// <summary>The immediate dominator; null for the root and for nodes that it does not reach.</summary>
    public int? ImmediateOf(int node) => node == Root || immediate[node] == None ? null : immediate[node];

    /// <summary>Every path from the root to <paramref name="node"/> passes <paramref name="dominator"/>. A node dominates itself.</summary>
    public bool Dominates(int dominator, int node)
    {
        if (!IsReached(dominator) || !IsReached(node)) return false;
        while (position[node] > position[dominator]) node = immediate[node];
        return node == dominator;
    }

    public static ImmutableArray<int> ReversePostorder(int root, int nodes, Func<int, ImmutableArray<int>> successors)
    {
        var seen = new bool[nodes];
        var finished = new List<int>(nodes);
        var open = new Stack<(int Node, int Next)>();
        seen[root] = true;
        open.Push((root, 0));
        while (open.TryPop(out var top))
        {
            var next = successors(top.Node);
            if (top.Next == next.Length)
            {
                finished.Add(top.Node);
                continue;
            }
            open.Push((top.Node, top.Next + 1));
            var child = next[top.Next];
            if (seen[child]) continue;
            seen[child] = true;
            open.Push((child, 0));
        }
        finished.Reverse();
        return [.. finished];
    }

    private void Iterate(Func<int, ImmutableArray<int>> predecessors)
    {
        for (var hasChanged = true; hasChanged;)
        {
            hasChanged = false;
            foreach (var node in Order)
            {
                if (node == Root) continue;
                var dominator = None;
                foreach (var predecessor in predecessors(node))
                {
                    if (immediate[predecessor] == None) continue;
                    dominator = dominator == None ? predecessor : Intersect(predecessor, dominator);
                }
                hasChanged |= immediate[node] != dominator;
                immediate[node] = dominator;
            }
        }
    }

    private int Intersect(int a, int b)
    {
        while (a != b)
        {
            while (position[a] > position[b]) a = immediate[a];
            while (position[b] > position[a]) b = immediate[b];
        }
        return a;
    }
}
