using QuikGraph;

namespace KernOpt.Code.Graphs;

/// <summary>An edge of a <see cref="FunctionGraph"/>.</summary>
public sealed record FlowEdge(BasicBlock Source, BasicBlock Target) : IEdge<BasicBlock>;

public sealed partial class FunctionGraph
{
    private BidirectionalGraph<BasicBlock, FlowEdge>? flow;

    /// <summary>The blocks and edges as a QuikGraph, made when first asked for. Parallel edges are one edge.</summary>
    public BidirectionalGraph<BasicBlock, FlowEdge> Flow => flow ??= MakeFlow();

    private BidirectionalGraph<BasicBlock, FlowEdge> MakeFlow()
    {
        var made = new BidirectionalGraph<BasicBlock, FlowEdge>(allowParallelEdges: false, Blocks.Length);
        made.AddVertexRange(Blocks);
        foreach (var block in Blocks)
        {
            foreach (var successor in block.Successors) made.AddEdge(new FlowEdge(block, Blocks[successor]));
        }
        return made;
    }
}
