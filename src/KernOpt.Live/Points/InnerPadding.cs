using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Live.Sites;
using KernOpt.Target;

namespace KernOpt.Live.Points;

/// <summary>
/// Bytes between the blocks of one function that are proved to be padding, as compilers put it before the targets of jumps: nothing but nops and int3, after a block that
/// never runs on, and nobody comes in there.
/// </summary>
internal static class InnerPadding
{
    /// <param name="graph">The function.</param>
    /// <param name="source">The program as it was before any change.</param>
    /// <param name="entries">Where control comes into the function by ways that its graph does not show.</param>
    public static IReadOnlyList<AddressRange> Of(FunctionGraph graph, ICodeSource source, IReadOnlySet<Address> entries)
    {
        var found = new List<AddressRange>();
        var range = graph.Function.Range;
        var module = graph.Function.Module.Location;
        var blocks = graph.Blocks.Where(b => range.Contains(b.Start)).OrderBy(b => b.Start).ToList();
        for (var i = 0; i < blocks.Count; i++)
        {
            var end = i + 1 < blocks.Count ? blocks[i + 1].Start : range.End;
            if (blocks[i].Close >= end || !Padding.NeverRunsOn(blocks[i]) || MayGoOn(blocks[i], module)) continue;
            var gap = AddressRange.Between(blocks[i].Close, end);
            if (Padding.HoldsPadding(gap, source) && !entries.Any(gap.Contains)) found.Add(Padding.BehindReturnAddress(blocks[i], gap));
        }
        return found;
    }

    /// <summary>
    /// Where ways are hidden, a trap may be a warning, which goes on behind it, and a jump may be switched off.
    /// </summary>
    private static bool MayGoOn(BasicBlock block, TargetModule module) =>
        module.HidesWays && (block.End == BlockEnd.NoReturn || module.HiddenExits.Contains(new Address(block.Instructions[^1].IP)));
}
