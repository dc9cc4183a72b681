using KernOpt.Code.Bodies;

namespace KernOpt.Optimize.Layout;

/// <summary>
/// Bottom-up chaining (K. Pettis and R. Hansen, "Profile Guided Code Positioning", PLDI 1990, algorithm 1): the heaviest edges first, each joins the chain that ends in
/// its source with the one that starts at its target, so that control falls through. Ties keep the order that the blocks have.
/// </summary>
internal sealed class BlockChains
{
    private readonly Dictionary<BodyBlock, List<BodyBlock>> chainOf = [];

    private BlockChains(FunctionBody body)
    {
        foreach (var block in body.Order) chainOf[block] = [block];
    }

    /// <summary>Chains in the order in which their first blocks lie, the one with the main entry first.</summary>
    public static IReadOnlyList<List<BodyBlock>> Form(FunctionBody body, Func<BodyEdge, double> weightOf)
    {
        var chains = new BlockChains(body);
        var position = body.Order.Select((b, i) => (b, i)).ToDictionary(p => p.b, p => p.i);
        var edges = body.Flow.Edges.Select(e => (Edge: e, Weight: weightOf(e)))
            .OrderByDescending(e => e.Weight).ThenBy(e => position[e.Edge.Source]).ThenBy(e => position[e.Edge.Target]);
        foreach (var (edge, _) in edges)
        {
            if (edge.Source.End is not Terminator.Table && !body.Entries.Contains(edge.Target)) chains.Join(edge);
        }
        return [.. chains.chainOf.Values.Distinct().OrderBy(c => c[0] == body.Entries[0] ? -1 : position[c[0]])];
    }

    private void Join(BodyEdge edge)
    {
        var (first, second) = (chainOf[edge.Source], chainOf[edge.Target]);
        if (first == second || first[^1] != edge.Source || second[0] != edge.Target) return;
        first.AddRange(second);
        foreach (var block in second) chainOf[block] = first;
    }
}
