using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>
/// The places inside the functions of one module that direct branches of other code lead to. What a graph says of its paths from the entry does not hold for
/// whoever comes in there.
/// <code>
/// mempcpy:  lea  rax, [rdi+rdx]
///           jmp  memmove+3          ; skips memmove's own first instruction
/// </code>
/// Found by decoding all executable bytes in a row, each function from its own start, so that functions which the parser refuses and code that belongs to
/// none are seen too. Data among code may show branches that do not exist: too many entries are safe. Indirect jumps into other functions are not seen.
/// </summary>
public sealed class InteriorEntries
{
    private readonly ImmutableArray<(Address Target, Address From)> byTarget;

    private InteriorEntries(ImmutableArray<(Address, Address)> byTarget) => this.byTarget = byTarget;

    public static InteriorEntries Of(ModuleImage module, ICodeSource source) =>
        new([.. Stretches(module).AsParallel().SelectMany(stretch => BranchesOut(stretch, module, source)).Order()]);

    /// <summary>Where code that is not part of the graph enters its blocks elsewhere than at the function's start; ascending.</summary>
    public IEnumerable<Address> Into(FunctionGraph graph) => graph.Blocks
        .SelectMany(block => In(AddressRange.Between(block.Start, block.Close)))
        .Where(entry => entry.Target != graph.Function.Start && !graph.Blocks.Any(b => entry.From >= b.Start && entry.From < b.Close))
        .Select(entry => entry.Target).Distinct();

    /// <summary>All places in a range that code of other functions leads to; ascending, one for each branch.</summary>
    public IEnumerable<Address> Within(AddressRange range) => In(range).Select(e => e.Target);

    private IEnumerable<(Address Target, Address From)> In(AddressRange range)
    {
        int low = 0, high = byTarget.Length;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (byTarget[middle].Target < range.Start) low = middle + 1;
            else high = middle;
        }
        for (; low < byTarget.Length && byTarget[low].Target < range.End; low++) yield return byTarget[low];
    }

    /// <summary>The executable bytes, cut where functions begin and end.</summary>
    private static List<AddressRange> Stretches(ModuleImage module)
    {
        var stretches = new List<AddressRange>();
        foreach (var mapping in module.Location.Mappings.Where(m => m.Protection.HasFlag(Protection.Execute)))
        {
            var at = mapping.Range.Start;
            foreach (var function in module.Functions.Where(f => mapping.Range.Contains(f.Start) && f.Size > 0))
            {
                if (at < function.Start) stretches.Add(AddressRange.Between(at, function.Start));
                var end = function.Range.End < mapping.Range.End ? function.Range.End : mapping.Range.End;
                stretches.Add(AddressRange.Between(function.Start, end));
                at = end;
            }
            if (at < mapping.Range.End) stretches.Add(AddressRange.Between(at, mapping.Range.End));
        }
        return stretches;
    }

    private static List<(Address Target, Address From)> BranchesOut(AddressRange stretch, ModuleImage module, ICodeSource source)
    {
        var found = new List<(Address, Address)>();
        var bytes = new byte[(int)stretch.Length];
        var count = source.Read(stretch.Start, bytes);
        var decoder = Decoder.Create(64, new ByteArrayCodeReader(bytes, 0, count));
        decoder.IP = stretch.Start.Value;
        while (decoder.IP < stretch.Start.Value + (ulong)count)
        {
            decoder.Decode(out var instruction);
            if (instruction.IsInvalid || instruction.Op0Kind != OpKind.NearBranch64) continue;
            var target = new Address(instruction.NearBranchTarget);
            if (stretch.Contains(target) || module.FunctionAt(target) is not { } entered) continue;
            // A split-off part has no entry of its own: every way into it from elsewhere counts.
            if (entered.Start != target || entered.IsFragment) found.Add((target, new Address(instruction.IP)));
        }
        return found;
    }
}
