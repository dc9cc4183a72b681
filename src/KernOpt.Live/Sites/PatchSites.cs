using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Live.Sites;

/// <summary>
/// Chooses where a function can be entered by one store. What runs before the site in the entry block has run in the original and in every version.
/// Not chosen: endbr64 (an indirect call must find it), control transfers, and everything behind a call.
/// </summary>
public sealed class PatchSites(
    ICodeSource source, ITarget target, Func<Function, Outcome<FunctionGraph>> graphOf, Func<AddressRange, bool>? isTaken = null)
{
    private const int JumpBytes = 5;
    private const int ShortJumpBytes = 2;

    private const RflagsBits StatusFlags = RflagsBits.CF | RflagsBits.PF | RflagsBits.AF | RflagsBits.ZF | RflagsBits.SF | RflagsBits.OF;

    private readonly Padding padding = new(source, graphOf);

    /// <summary>
    /// The best site: a plain jump before a springboard, dead flags before live ones, all needed argument registers unmodified, and as early as possible.
    /// Refused: 5101–5103.
    /// </summary>
    public Outcome<PatchSite> Choose(FunctionGraph graph, IReadOnlyCollection<Register>? needed = null)
    {
        if (!graph.Entry.Predecessors.IsEmpty) return Reasons.EntryRunsRepeatedly.With($"{graph.Function}");
        var candidates = Candidates(graph, out var sawShort, out var sawLong);
        if (candidates.Count > 0) return candidates.OrderBy(c => Cost(c, needed ?? [])).First();
        var springboard = FirstSpringboard(graph);
        if (springboard is not null) return springboard;
        if (!sawShort) return Reasons.EntryTooShort.With($"{graph.Function}: {graph.Entry.Instructions.Length} instructions, none of {ShortJumpBytes} bytes or more that can be moved");
        return Reasons.NoStoreAtOnce.With(sawLong ? $"{graph.Function}: long enough ones cross a cache line, and no padding in reach" : $"{graph.Function}: no padding in reach");
    }

    /// <summary>All sites for a plain jump, in order of address.</summary>
    public IReadOnlyList<PatchSite> All(FunctionGraph graph) => graph.Entry.Predecessors.IsEmpty ? Candidates(graph, out _, out _) : [];

    private List<PatchSite> Candidates(FunctionGraph graph, out bool sawShort, out bool sawLong)
    {
        (sawShort, sawLong) = (false, false);
        Liveness<BasicBlock>? liveness = null;
        var sites = new List<PatchSite>();
        foreach (var (place, index) in Places(graph))
        {
            sawShort |= place.Instruction.Length >= ShortJumpBytes;
            if (place.Instruction.Length < JumpBytes) continue;
            sawLong = true;
            if (target.CanStoreAtOnce(place.At, JumpBytes)) sites.Add(WithFlags(place, liveness ??= Liveness.Of(graph), graph, index));
        }
        return sites;
    }

    private PatchSite? FirstSpringboard(FunctionGraph graph)
    {
        foreach (var (place, index) in Places(graph))
        {
            if (place.Instruction.Length < ShortJumpBytes || !target.CanStoreAtOnce(place.At, ShortJumpBytes)) continue;
            if (FindSpringboard(graph.Function, place.At) is not { } springboard) continue;
            return WithFlags(place with { Form = SiteForm.Springboard, Springboard = springboard }, Liveness.Of(graph), graph, index);
        }
        return null;
    }

    /// <summary>The instructions of the entry block that may be moved, each with what is known before it.</summary>
    private static IEnumerable<(PatchSite Place, int Index)> Places(FunctionGraph graph)
    {
        var walk = new EntryWalk();
        var instructions = graph.Entry.Instructions;
        for (var i = 0; i < instructions.Length; i++)
        {
            var instruction = instructions[i];
            if (instruction.FlowControl != FlowControl.Next || instruction.IsInvalid) yield break;
            if (instruction.Mnemonic is not (Mnemonic.Endbr64 or Mnemonic.Endbr32) && instruction.MemoryBase != Register.EIP)
            {
                yield return (new PatchSite(graph.Function, instruction, SiteForm.Jump, null, walk.StackDepth, walk.Arguments), i);
            }
            if (!walk.Step(instruction)) yield break;
        }
    }

    private static PatchSite WithFlags(PatchSite place, Liveness<BasicBlock> liveness, FunctionGraph graph, int index) => place with
    {
        FlagsDead = (liveness.Before(graph.Entry, index).Flags & StatusFlags) == 0,
        FlagsDeadAtEntry = (liveness.In(graph.Entry).Flags & StatusFlags) == 0,
    };

    private static (int, int, int, ulong) Cost(PatchSite site, IReadOnlyCollection<Register> needed)
    {
        var lost = needed.Count(r => !site.IsUnmodified(r));
        var modified = site.Arguments.Where((place, i) => place != EntryWalk.ArgumentRegisters[i]).Count();
        return (lost, site.FlagsDead ? 0 : 1, modified, site.At.Value);
    }

    /// <summary>Five bytes of padding, not taken yet, that a short jump at the site reaches and that one store can fill.</summary>
    private Address? FindSpringboard(Function function, Address site)
    {
        var next = site + ShortJumpBytes;
        var reach = AddressRange.Between(next + sbyte.MinValue, next + (sbyte.MaxValue + JumpBytes));
        foreach (var gap in padding.Gaps(function, reach))
        {
            for (var at = gap.Start; at + JumpBytes <= gap.End; at += 1)
            {
                if (at - next is < sbyte.MinValue or > sbyte.MaxValue || !target.CanStoreAtOnce(at, JumpBytes)) continue;
                if (isTaken is null || !isTaken(new AddressRange(at, JumpBytes))) return at;
            }
        }
        return null;
    }
}
