using KernOpt.Code.Graphs;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Code.Graphs;

/// <summary>Counts of blocks and edges from the counts of some places, held against walks that are counted in full.</summary>
public sealed class FlowNetworkTests
{
    private static readonly HashSet<Address> Nowhere = [];

    [Fact]
    public void Diamond_OneSideTellsTheOther()
    {
        var network = FlowNetwork.Of(Shapes.Graph([1, 2], [3], [3], []), Nowhere);
        var flow = network.Derive(Measured(network, (0, 100), (1, 30)), threads: 0);
        Assert.Equal([100, 30, 70, 100], flow.Blocks.Select(b => b!.Value.Count));
        Assert.Equal((70, 70), (flow.Edges[(0, 2)]!.Value.Count, flow.Edges[(2, 3)]!.Value.Count));
    }

    [Fact]
    public void Loop_RunsAsOftenAsItIsNotLeft()
    {
        var network = FlowNetwork.Of(Shapes.Graph([1], [1, 2], []), Nowhere);
        var flow = network.Derive(Measured(network, (0, 10), (1, 70)), threads: 0);
        Assert.Equal((60, 10), (flow.Edges[(1, 1)]!.Value.Count, flow.Blocks[2]!.Value.Count));
    }

    [Fact]
    public void WhereControlComesInUnseen_NothingIsDerivedFromWhatComesIn()
    {
        var graph = Shapes.Graph([1, 2], [3], [3], []);
        var network = FlowNetwork.Of(graph, new HashSet<Address> { graph.Blocks[3].Start });
        var flow = network.Derive(Measured(network, (0, 100), (1, 30)), threads: 0);
        Assert.Null(flow.Blocks[3]);
        Assert.Equal(70, flow.Blocks[2]!.Value.Count);
        Assert.Contains(3, network.Choose(_ => true, _ => 1).Select(m => m.Block));
    }

    /// <summary>Two counters, a loop that is run often and one block before it: the cheap one is taken, and never more than are needed.</summary>
    [Fact]
    public void OfTwoThatTellTheSame_TheOneThatIsSeldomRunIsCounted()
    {
        var network = FlowNetwork.Of(Shapes.Graph([1], [2], [1, 3], []), Nowhere);
        var chosen = network.Choose(_ => true, m => m.Block is 1 or 2 ? 10 : 1).Select(m => m.Block).ToList();
        Assert.Equal(2, chosen.Count);
        Assert.Single(chosen, b => b is 1 or 2);
        Assert.Single(chosen, b => b is 0 or 3);
    }

    [Fact]
    public void ThreadsOnTheirWay_AndCountersReadOneAfterAnother_WidenWhatIsDerived()
    {
        var network = FlowNetwork.Of(Shapes.Graph([1, 2], [3], [3], []), Nowhere);
        var measured = Measured(network, (0, 100), (1, 30)).ToDictionary(m => m.Key, m => m.Value with { AtLeast = m.Value.Count - 5, AtMost = m.Value.Count + 2 });
        var side = network.Derive(measured, threads: 3).Blocks[2]!.Value;
        Assert.Equal((70, 60, 80), (side.Count, side.AtLeast, side.AtMost));
    }

    /// <summary>Control that leaves a diamond on one side more often than it came to it has gone a way that the graph does not show.</summary>
    [Theory]
    [InlineData(103, 0)]
    [InlineData(104, 1)]
    public void CountsThatContradict_AreNotShownAsFacts_BeyondWhatThreadsExplain(long planted, int contradictions)
    {
        var network = FlowNetwork.Of(Shapes.Graph([1, 2], [3], [3], []), Nowhere);
        var flow = network.Derive(Measured(network, (0, 100), (1, planted)), threads: 3);
        Assert.Equal(contradictions > 0, flow.Contradictions > 0);
        Assert.Equal(contradictions == 0 ? new FlowCount(0, 0, 0) : (FlowCount?)null, flow.Blocks[2]);
        Assert.All(flow.Blocks.OfType<FlowCount>().Concat(flow.Edges.Values.OfType<FlowCount>()), c => Assert.InRange(c.Count, 0, long.MaxValue));
    }

    [Fact]
    public void RandomGraphs_ChosenPlacesTellAllOthers_AsTheWalksWent()
    {
        var random = new Random(7);
        int left = 0, derivedEdges = 0;
        for (var round = 0; round < 500; round++)
        {
            var graph = Shapes.Random(random);
            var (blocks, edges) = Walk(graph, random);
            var network = FlowNetwork.Of(graph, Nowhere);
            var chosen = network.Choose(_ => true, _ => random.NextDouble());
            left += graph.Blocks.Length - chosen.Count;
            var flow = network.Derive(chosen.ToDictionary(m => m, m => FlowCount.Exactly(blocks[m.Block])), threads: 0);
            Assert.Equal(0, flow.Contradictions);
            Assert.Equal(blocks, flow.Blocks.Select(b => b?.Count ?? -1));
            foreach (var ((from, to), edge) in flow.Edges)
            {
                if (edge is not { } known) continue;
                Assert.Equal((edges.GetValueOrDefault((from, to)), known.AtLeast), (known.Count, known.AtMost));
                derivedEdges++;
            }
        }
        Assert.True(left > 1000 && derivedEdges > 2000, $"{left} blocks left out, {derivedEdges} edges derived");
    }

    /// <summary>No counter can be left out of those that were chosen: without it something is no longer known.</summary>
    [Fact]
    public void RandomGraphs_NoChosenPlaceIsSuperfluous()
    {
        var random = new Random(11);
        for (var round = 0; round < 100; round++)
        {
            var graph = Shapes.Random(random);
            var network = FlowNetwork.Of(graph, Nowhere);
            var chosen = network.Choose(_ => true, _ => random.NextDouble());
            Assert.All(chosen, left => Assert.Null(network.Derive(chosen.Where(m => m != left).ToDictionary(m => m, _ => FlowCount.Exactly(0)), 0).Blocks[left.Block]));
        }
    }

    private static Dictionary<FlowMeter, FlowCount> Measured(FlowNetwork network, params (int Block, long Count)[] counts) =>
        counts.ToDictionary(c => network.Meters.Single(m => m.Block == c.Block), c => FlowCount.Exactly(c.Count));

    /// <summary>Walks from the entry to a return; those that do not come to one are not counted, as if they had never begun.</summary>
    private static (long[] Blocks, Dictionary<(int, int), long> Edges) Walk(FunctionGraph graph, Random random)
    {
        var blocks = new long[graph.Blocks.Length];
        var edges = new Dictionary<(int, int), long>();
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

    /// <summary>Graphs without code.</summary>
    private static class Shapes
    {
        public static FunctionGraph Random(Random random)
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

        public static FunctionGraph Graph(params int[][] successors) => new(null!, [.. successors.Select((to, index) =>
            new BasicBlock(index, new Address((ulong)index * 16), [], to.Length switch { 0 => BlockEnd.Return, 1 => BlockEnd.Jump, _ => BlockEnd.Branch })
            {
                Successors = [.. to],
                Predecessors = [.. Enumerable.Range(0, successors.Length).Where(p => successors[p].Contains(index))],
            })]);
    }
}
