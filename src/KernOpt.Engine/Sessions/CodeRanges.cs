using KernOpt.Code.Graphs;
using KernOpt.Live;
using KernOpt.Target;

namespace KernOpt.Engine.Sessions;

/// <summary>All code in which a function's own time passes: the original with its split-off parts, its stubs, and its versions.</summary>
public sealed class CodeRanges(IReadOnlyList<AddressRange> ranges)
{
    public bool Contain(Address address)
    {
        foreach (var range in ranges)
        {
            if (range.Contains(address)) return true;
        }
        return false;
    }

    public static CodeRanges Of(LiveCode live, Redirect redirect, FunctionGraph graph) => new(
        [redirect.Function, .. graph.Blocks.Select(b => AddressRange.Between(b.Start, b.Close)).Where(b => !redirect.Function.Contains(b.Start)), .. Placed(live, redirect)]);

    /// <summary>What of it lies in a region.</summary>
    internal static IEnumerable<AddressRange> Placed(LiveCode live, Redirect redirect) =>
        [redirect.Code, .. live.Versions.Where(v => v.RedirectId == redirect.Id).Select(v => v.Code), .. live.Probes.Where(p => p.RedirectId == redirect.Id).Select(p => p.Code)];
}
