using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Live.Sites;

/// <summary>
/// Finds bytes between functions that are proved to be padding: nothing but nops and int3 (zeros may be data) from the end of one function to the start of the
/// next; the one before does not run on into them, and neither neighbour jumps there.
/// </summary>
internal sealed class Padding(ICodeSource source, Func<Function, Outcome<FunctionGraph>> graphOf)
{
    private const int LongestGap = 256;

    /// <summary>By module too: another one may be loaded where one was.</summary>
    private readonly Dictionary<(ModuleImage, AddressRange), AddressRange?> proved = [];

    /// <summary>The gaps that overlap the range, nearest functions of the given one's module, ascending.</summary>
    public IEnumerable<AddressRange> Gaps(Function function, AddressRange within)
    {
        var functions = function.Module.Functions;
        var low = 0;
        var high = functions.Length;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (functions[middle].Range.End < within.Start) low = middle + 1;
            else high = middle;
        }
        for (var i = low; i + 1 < functions.Length && functions[i].Range.End < within.End; i++)
        {
            var gap = AddressRange.Between(functions[i].Range.End, functions[i + 1].Start);
            if (functions[i + 1].Start <= functions[i].Range.End || gap.Length > LongestGap || !gap.Overlaps(within)) continue;
            if (Proved(functions[i], functions[i + 1], gap) is { } usable) yield return usable;
        }
    }

    /// <summary>The padding of the gap; null where it is not proved to be any.</summary>
    private AddressRange? Proved(Function before, Function after, AddressRange gap)
    {
        var key = (before.Module, gap);
        if (proved.TryGetValue(key, out var known)) return known;
        return proved[key] = HoldsPadding(gap, source) && LastBlock(before, gap) is { } last && !JumpsInto(after, gap) ? BehindReturnAddress(last, gap) : null;
    }

    /// <summary>
    /// The gap without its first byte where that is what a call that never returns has pushed: a thread that sleeps in there would keep it, and whatever is put there, from
    /// ever being given back.
    /// </summary>
    public static AddressRange BehindReturnAddress(BasicBlock before, AddressRange gap) =>
        before.Instructions[^1].FlowControl is FlowControl.Call or FlowControl.IndirectCall ? AddressRange.Between(gap.Start + 1, gap.End) : gap;

    public static bool HoldsPadding(AddressRange gap, ICodeSource source)
    {
        var bytes = new byte[gap.Length];
        if (!source.IsExecutable(gap.Start) || source.Read(gap.Start, bytes) != bytes.Length) return false;
        var decoder = Decoder.Create(64, bytes, gap.Start.Value);
        while (decoder.IP < gap.End.Value)
        {
            var instruction = decoder.Decode();
            if (instruction.IsInvalid || instruction.Mnemonic is not (Mnemonic.Nop or Mnemonic.Int3)) return false;
        }
        return true;
    }

    /// <summary>The block that ends where the gap begins and does not run on into it; null where there is none, or the function has to do with the gap in another way.</summary>
    private BasicBlock? LastBlock(Function before, AddressRange gap)
    {
        if (!graphOf(before).Try(out var graph, out _)) return null;
        BasicBlock? last = null;
        foreach (var block in graph.Blocks)
        {
            if (block.Close > gap.Start && block.Start < gap.End) return null;
            if (block.Exits.Any(gap.Contains)) return null;
            if (block.Close == gap.Start) last = NeverRunsOn(block) ? block : null;
        }
        return last;
    }

    public static bool NeverRunsOn(BasicBlock block) =>
        block.End == BlockEnd.NoReturn
        || block.Instructions[^1].FlowControl is FlowControl.UnconditionalBranch or FlowControl.IndirectBranch or FlowControl.Return or FlowControl.Exception;

    private bool JumpsInto(Function after, AddressRange gap) =>
        !graphOf(after).Try(out var graph, out _) || graph.Blocks.Any(b => b.Exits.Any(gap.Contains) || gap.Contains(b.Start));
}
