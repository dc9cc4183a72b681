using System.Collections.Immutable;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Target;

namespace KernOpt.Code.Calls;

/// <summary>Makes a <see cref="FunctionOutline"/> of a graph, which is not needed any more then.</summary>
internal sealed class OutlineBuilder(FunctionGraph graph, CallEffects calls)
{
    private readonly bool[] isOwnReturn = OwnReturn.Of(graph);
    private readonly ImmutableArray<Stretch>.Builder stretches = ImmutableArray.CreateBuilder<Stretch>(graph.Calls.Length + graph.Blocks.Length);
    private readonly ImmutableArray<OutlineNode>.Builder nodes = ImmutableArray.CreateBuilder<OutlineNode>(graph.Blocks.Length);
    private readonly ImmutableArray<int>.Builder successors = ImmutableArray.CreateBuilder<int>(2 * graph.Blocks.Length);
    private readonly List<Stretch> exits = [];

    public FunctionOutline Build()
    {
        foreach (var block in graph.Blocks)
        {
            var first = stretches.Count;
            AddStretches(block);
            // Whoever leaves for a place of his own may come back to the caller from there all the same.
            var leaves = block.End == BlockEnd.IndirectTailJump || (block.End == BlockEnd.Return && !isOwnReturn[block.Index]) || (block.End == BlockEnd.NoReturn && !calls.EndsForGood(block));
            if (leaves) stretches.Add(Stretch.Unknown);
            var returns = leaves || block.End == BlockEnd.Return;
            var firstSuccessor = successors.Count;
            AddSuccessors(block);
            nodes.Add(new OutlineNode(first, stretches.Count, firstSuccessor, successors.Count, returns, EndsLoop: false));
        }
        foreach (var exit in exits)
        {
            nodes.Add(new OutlineNode(stretches.Count, stretches.Count + 1, 0, 0, Returns: true, EndsLoop: false));
            stretches.Add(exit);
        }
        MarkLoops();
        var callees = CalleesOf(stretches);
        return new FunctionOutline(nodes.DrainToImmutable(), stretches.DrainToImmutable(), successors.DrainToImmutable(), callees, graph.EntryIndex);
    }

    private void MarkLoops()
    {
        for (var i = 0; i < nodes.Count; i++)
        {
            for (var s = nodes[i].FirstSuccessor; s < nodes[i].CloseSuccessor; s++)
            {
                if (successors[s] is var to && to <= i) nodes[to] = nodes[to] with { EndsLoop = true };
            }
        }
    }

    private static ImmutableArray<int> CalleesOf(ImmutableArray<Stretch>.Builder stretches)
    {
        var found = new HashSet<int>();
        for (var i = 0; i < stretches.Count; i++)
        {
            if (stretches.ItemRef(i).Callee is var callee && callee != CallEffects.NoCallee) found.Add(callee);
        }
        return [.. found];
    }

    private void AddStretches(BasicBlock block)
    {
        LiveSet reads = LiveSet.Empty, kills = LiveSet.Empty;
        foreach (ref readonly var instruction in block.Instructions.AsSpan())
        {
            var effects = calls.Of(graph, instruction, out var callee);
            reads |= effects.Reads - kills;
            kills |= effects.Kills;
            if (callee == CallEffects.NoCallee) continue;
            stretches.Add(new Stretch(reads, kills, callee));
            (reads, kills) = (LiveSet.Empty, LiveSet.Empty);
        }
        if (!reads.IsEmpty || !kills.IsEmpty) stretches.Add(new Stretch(reads, kills, CallEffects.NoCallee));
    }

    /// <summary>A jump out is a node of its own: a call of where it leads to, and then the return.</summary>
    private void AddSuccessors(BasicBlock block)
    {
        successors.AddRange(block.Successors);
        foreach (var exit in block.Exits)
        {
            successors.Add(graph.Blocks.Length + exits.Count);
            exits.Add(isOwnReturn[block.Index] ? Call(exit) : Stretch.Unknown);
        }
    }

    private Stretch Call(Address target)
    {
        var use = calls.UseOf(target, out var callee);
        return callee == CallEffects.NoCallee ? new Stretch(use.Reads, LiveSet.All - use.Keeps, callee) : new Stretch(LiveSet.Empty, LiveSet.Empty, callee);
    }
}
