using KernOpt.Code.Bodies;

namespace KernOpt.Optimize.Layout;

/// <summary>How often an edge was taken, estimated from the counts of blocks.</summary>
internal static class EdgeWeights
{
    /// <summary>A block's count is shared out to its successors in proportion to theirs.</summary>
    public static double Of(BodyEdge edge)
    {
        var all = FunctionBody.SuccessorsOf(edge.Source.End).Distinct().Sum(b => (double)(b.Count ?? 0));
        return all == 0 ? 0 : (edge.Source.Count ?? 0) * ((edge.Target.Count ?? 0) / all);
    }

    /// <summary>How many executed transfers between blocks do not fall through in this order.</summary>
    public static double TakenJumps(FunctionBody body)
    {
        var next = body.Order.Zip(body.Order.Skip(1)).ToDictionary(p => p.First, p => p.Second);
        return body.Flow.Edges.Where(e => next.GetValueOrDefault(e.Source) != e.Target).Sum(Of);
    }
}
