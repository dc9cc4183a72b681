using System.Collections.Immutable;
using CsCheck;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Code.Graphs;

public sealed class DominatorsTests
{
    /// <summary>A dominates b when b is reached, and is no more without a.</summary>
    [Fact]
    public void Dominance_IsWhatRemovingTheBlockShows() => Graphs.Sample(graph =>
    {
        var dominators = Dominators.Of(graph);
        var reached = Reached(graph, without: -1);
        for (var a = 0; a < graph.Blocks.Length; a++)
        {
            var left = Reached(graph, a);
            for (var b = 0; b < graph.Blocks.Length; b++)
            {
                Assert.Equal(reached.Contains(a) && reached.Contains(b) && (a == b || !left.Contains(b)), dominators.Dominates(a, b));
            }
        }
    }, iter: 300);

    [Fact]
    public void LoopBlocks_AreDominatedByTheHeader_AndNestProperly() => Graphs.Sample(graph =>
    {
        var dominators = Dominators.Of(graph);
        var loops = LoopForest.Of(graph, dominators);
        foreach (var loop in loops.Loops)
        {
            Assert.All(loop.Blocks, b => Assert.True(dominators.Dominates(loop.Header, b) || !dominators.IsReached(b)));
            if (loop.Parent is { } parent) Assert.Subset(loops.Loops[parent].Blocks.ToHashSet(), loop.Blocks.ToHashSet());
        }
        for (var i = 0; i < graph.Blocks.Length; i++) Assert.Equal(loops.Loops.Count(l => l.Blocks.Contains(i)), loops.DepthOf(i));
    }, iter: 300);

    private static Gen<FunctionGraph> Graphs => Gen.Int[0, 9].Array[0, 3].Array[10].Select(Make);

    private static FunctionGraph Make(int[][] successors)
    {
        var blocks = successors.Select((s, i) => new BasicBlock(i, new Address((ulong)i * 16), [], BlockEnd.Table)
        {
            Successors = [.. s.Distinct()],
            Predecessors = [.. Enumerable.Range(0, successors.Length).Where(p => successors[p].Contains(i))],
        });
        var location = new TargetModule("none", "", Address.Zero, default, [], true, () => Array.Empty<byte>(), _ => null);
        return new FunctionGraph(new Function(new ModuleImage(location, []), Address.Zero, 160, [], FunctionOrigin.SymbolTable), [.. blocks]);
    }

    private static HashSet<int> Reached(FunctionGraph graph, int without)
    {
        var seen = new HashSet<int>();
        var open = new Stack<int>(without == 0 ? [] : [0]);
        while (open.TryPop(out var block))
        {
            if (!seen.Add(block)) continue;
            foreach (var next in graph.Blocks[block].Successors.Where(s => s != without)) open.Push(next);
        }
        return seen;
    }
}
