using Iced.Intel;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>
/// What lies inside of a function and is in none of its blocks, padding apart: landing pads of exceptions, which nothing jumps to, and what only they lead to. Decoded in a
/// row; where it is data, there may be branches that do not exist. Bytes: how much; BranchTargets: where it jumps to, anywhere.
/// </summary>
public sealed record UnreachedCode(int Bytes, IReadOnlyList<Address> BranchTargets)
{
    public static UnreachedCode Of(FunctionGraph graph, ICodeSource source)
    {
        var bytes = 0;
        var targets = new List<Address>();
        var at = graph.Function.Start;
        foreach (var block in graph.Blocks.Where(b => graph.Function.Range.Contains(b.Start)).OrderBy(b => b.Start))
        {
            if (at < block.Start) Decode(AddressRange.Between(at, block.Start), source, ref bytes, targets);
            if (at < block.Close) at = block.Close;
        }
        if (at < graph.Function.Range.End) Decode(AddressRange.Between(at, graph.Function.Range.End), source, ref bytes, targets);
        return new UnreachedCode(bytes, targets);
    }

    private static void Decode(AddressRange gap, ICodeSource source, ref int bytes, List<Address> targets)
    {
        var content = new byte[gap.Length];
        var count = source.Read(gap.Start, content);
        var decoder = Decoder.Create(64, new ByteArrayCodeReader(content, 0, count), gap.Start.Value);
        while (decoder.IP < gap.Start.Value + (ulong)count)
        {
            var instruction = decoder.Decode();
            if (instruction.Mnemonic is Mnemonic.Nop or Mnemonic.Int3) continue;
            bytes += instruction.Length;
            if (!instruction.IsInvalid && instruction.Op0Kind == OpKind.NearBranch64) targets.Add(new Address(instruction.NearBranchTarget));
        }
    }
}
