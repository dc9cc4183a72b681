using KernOpt.Code.Bodies;
using KernOpt.Optimize.Layout;

namespace KernOpt.Optimize.Passes;

/// <summary>
/// Lays hot paths straight and moves cold blocks behind everything else, by measured counts. A block is cold when it ran less than once per
/// 1,000 executions of the hottest block. Nothing but the order changes; the layout inverts branches to suit it.
/// <code>
///     test eax, eax                 test eax, eax
///     jne  H                 =>     je   C
///  C: call error                 H: …
///  H: …                             ret
///     ret                        C: call error
/// </code>
/// Skipped without counts.
/// </summary>
internal sealed class OutlineColdBlocks : IPass
{
    private const long ColdShare = 1000;

    public string Id => "outline-cold-blocks";

    public int Run(FunctionBody body, PassContext context)
    {
        if (body.Order.All(b => b.Count is null)) return 0;
        var hottest = body.Order.Max(b => b.Count ?? 0);
        bool IsCold(BodyBlock block) => (block.Count ?? 0) < Math.Max(1, hottest / ColdShare);
        var chains = BlockChains.Form(body, e => IsCold(e.Source) || IsCold(e.Target) ? -1 : EdgeWeights.Of(e));
        var (hot, cold) = (new List<BodyBlock>(), new List<BodyBlock>());
        var isFirst = true;
        foreach (var chain in chains.Take(1).Concat(chains.Skip(1).OrderByDescending(c => c.Max(b => b.Count ?? 0))))
        {
            // The chain of the main entry comes first even when it is hardly ever run itself.
            foreach (var block in chain) (IsCold(block) && !isFirst ? cold : hot).Add(block);
            isFirst = false;
        }
        return BlockOrder.Replace(body, [.. hot, .. cold]);
    }
}
