using System.Collections.Immutable;
using KernOpt.Code.Graphs;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Code.Graphs;

/// <summary>Counts of blocks and edges from the counts of some blocks, held against walks that are counted in full.</summary>
public sealed class FlowCountsTests
{
    private static readonly HashSet<int> Nowhere = [];

    [Fact]
    public void Diamond_OneSideTellsTheOther()
    {
        var flow = FlowCounts.Derive(Graph([1, 2], [3], [3], []), new Dictionary<int, ulong> { [0] = 100, [1] = 30 }, Nowhere);
        Assert.Equal([100UL, 30UL, 70UL, 100UL], Enumerable.Range(0, 4).Select(i => flow.Block(i)!.Value));
        Assert.Equal(70UL, flow.Edge(0, 2));
        Assert.Equal(70UL, flow.Edge(2, 3));
    }

    [Fact]
    public void Loop_RunsAsOftenAsItIsNotLeft()
    {
        var flow = FlowCounts.Derive(Graph([1], [1, 2], []), new Dictionary<int, ulong> { [0] = 10, [1] = 70 }, Nowhere);
        Assert.Equal(60UL, flow.Edge(1, 1));
        Assert.Equal(10UL, flow.Block(2));
    }

    [Fact]
    public void WhereControlComesInUnseen_NothingIsDerivedFromWhatComesIn()
    {
        var graph = Graph([1, 2], [3], [3], []);
        var measured = new Dictionary<int, ulong> { [0] = 100, [1] = 30 };
        var flow = FlowCounts.Derive(graph, measured, new HashSet<int> { 3 });
        Assert.Null(flow.Block(3));
        Assert.Equal(70UL, flow.Block(2));
        Assert.Contains(3, FlowCounts.Choose(graph, [0, 1, 2, 3], new HashSet<int> { 3 }, _ => 1));
    }

    [Fact]
    public void RandomGraphs_ChosenBlocksTellAllOthers_AsTheWalksWent()
    {
        var random = new Random(7);
        int left = 0, derivedEdges = 0;
        for (var round = 0; round < 500; round++)
        {
            var graph = RandomGraph(random);
            var (blocks, edges) = Walk(graph, random);
            var all = Enumerable.Range(0, graph.Blocks.Length).ToList();
            var chosen = FlowCounts.Choose(graph, all, Nowhere, _ => random.NextDouble());
            left += all.Count - chosen.Count;
            var flow = FlowCounts.Derive(graph, chosen.ToDictionary(b => b, b => blocks[b]), Nowhere);
            foreach (var block in all) Assert.Equal(blocks[block], flow.Block(block));
            foreach (var (from, to) in graph.Blocks.SelectMany(b => b.Successors.Distinct().Select(s => (b.Index, s))))
            {
                if (flow.Edge(from, to) is not { } count) continue;
                Assert.Equal(edges.GetValueOrDefault((from, to)), count);
                derivedEdges++;
            }
        }
        Assert.True(left > 1000 && derivedEdges > 2000, $"{left} blocks left out, {derivedEdges} edges derived");
    }

    private static FunctionGraph RandomGraph(Random random)
    {
        var count = random.Next(3, 13);
        var successors = Enumerable.Range(0, count).Select(i => random.Next(4) switch
        {
            0 when i > 0 => Array.Empty<int>(),
            1 => [random.Next(count)],
            _ => Enumerable.Range(0, 2).Select(_ => random.Next(count)).Distinct().ToArray(),
        }).ToArray();
        successors[^1] = [];
        return Graph(successors);
    }

    /// <summary>Walks from the entry to a return; those that do not come to one are not counted, as if they had never begun.</summary>
    private static (ulong[] Blocks, Dictionary<(int, int), ulong> Edges) Walk(FunctionGraph graph, Random random)
    {
        var blocks = new ulong[graph.Blocks.Length];
        var edges = new Dictionary<(int, int), ulong>();
        for (var walk = 0; walk < 50; walk++)
        {
            var path = new List<int> { 0 };
            while (path.Count < 200 && graph.Blocks[path[^1]].Successors is { IsEmpty: false } next) path.Add(next[random.Next(next.Length)]);
            if (path.Count == 200) continue;
            foreach (var block in path) blocks[block]++;
            foreach (var edge in path.Zip(path.Skip(1))) edges[edge] = edges.GetValueOrDefault(edge) + 1;
        }
        return (blocks, edges);
    }

    private static FunctionGraph Graph(params int[][] successors) => new(null!, [.. successors.Select((to, index) =>
        new BasicBlock(index, new Address((ulong)index * 16), [], to.Length switch { 0 => BlockEnd.Return, 1 => BlockEnd.Jump, _ => BlockEnd.Branch })
        {
            Successors = [.. to],
            Predecessors = [.. Enumerable.Range(0, successors.Length).Where(p => successors[p].Contains(index))],
        })]);
}
