using KernOpt.Code.Bodies;
using KernOpt.Optimize.Layout;

namespace KernOpt.Optimize.Passes;

/// <summary>
/// Without counts: edges in deeper loops fall through first, and the compiler's own order decides otherwise. The main entry comes first.
/// <code>
///  A: …                      A: …
///     jmp  C                 C: …            ; A and C are in the loop, B is not
///  B: ret             =>        jne  A
///  C: …                      B: ret
///     jne  A
/// </code>
/// </summary>
internal sealed class LayOutStraight : IPass
{
    public string Id => "lay-out-straight";

    public int Run(FunctionBody body, PassContext context)
    {
        var depths = LoopDepths.Of(body);
        var next = body.Order.Zip(body.Order.Skip(1)).ToDictionary(p => p.First, p => p.Second);
        double WeightOf(BodyEdge edge) => Math.Pow(8, depths.Of(edge)) + (next.GetValueOrDefault(edge.Source) == edge.Target ? 1 : 0);
        var order = BlockChains.Form(body, WeightOf).SelectMany(c => c).ToList();
        return BlockOrder.Replace(body, order);
    }
}

/// <summary>Puts the blocks of a body in another order.</summary>
internal static class BlockOrder
{
    /// <summary>Answers how many blocks have another neighbour than before.</summary>
    public static int Replace(FunctionBody body, IReadOnlyList<BodyBlock> order)
    {
        var moved = 0;
        for (var i = 0; i < order.Count; i++)
        {
            var before = body.Order.IndexOf(order[i]);
            if (i == 0 ? before != 0 : before == 0 || body.Order[before - 1] != order[i - 1]) moved++;
        }
        if (moved == 0) return 0;
        body.Order.Clear();
        body.Order.AddRange(order);
        return moved;
    }
}
