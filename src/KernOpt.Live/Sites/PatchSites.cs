using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Live.Points;
using KernOpt.Target;

namespace KernOpt.Live.Sites;

/// <summary>
/// Chooses where a function can be entered by one store. What runs before the site in the entry block has run in the original and in every version.
/// Not chosen: endbr64 (an indirect call must find it), calls (their return address
/// would lie in the region, where unwinding ends), returns and indirect jumps.
/// </summary>
public sealed class PatchSites(
    ICodeSource source, ITarget target, Func<Function, Outcome<FunctionGraph>> graphOf, Func<AddressRange, bool>? isTaken = null, Func<IEnumerable<AddressRange>>? bypassed = null)
{
    internal const int JumpBytes = 5;
    internal const int ShortJumpBytes = 2;

    internal const RflagsBits StatusFlags = RflagsBits.CF | RflagsBits.PF | RflagsBits.AF | RflagsBits.ZF | RflagsBits.SF | RflagsBits.OF;

    private readonly Padding padding = new(source, graphOf);

    /// <summary>
    /// The best site: one before the block's first call, where the arguments still are, before one behind it; a plain jump before a springboard, unless
    /// only that has all needed argument registers unmodified; then dead flags, few changed arguments, and as early as possible. Refused: 5101–5103.
    /// </summary>
    public Outcome<PatchSite> Choose(FunctionGraph graph, IReadOnlyCollection<Register>? needed = null)
    {
        if (!graph.Entry.Predecessors.IsEmpty) return Reasons.EntryRunsRepeatedly.With($"{graph.Function}");
        var jumps = Candidates(graph, out var sawShort, out var sawLong).OrderBy(c => Cost(c, needed ?? [])).ToList();
        var best = jumps.FirstOrDefault();
        if (best is { IsAfterCall: false } && Lost(best, needed) == 0) return best;
        if (FirstSpringboard(graph) is { } springboard && (best is null || Cost(springboard, needed ?? []).CompareTo(Cost(best, needed ?? [])) < 0)) return springboard;
        if (best is not null) return best;
        if (!sawShort) return Reasons.EntryTooShort.With($"{graph.Function}: {graph.Entry.Instructions.Length} instructions, none of {ShortJumpBytes} bytes or more that can be moved");
        return Reasons.NoStoreAtOnce.With(sawLong ? $"{graph.Function}: long enough ones cross a cache line, and no padding in reach" : $"{graph.Function}: no padding in reach");
    }

    /// <summary>All sites for a plain jump, in order of address.</summary>
    public IReadOnlyList<PatchSite> All(FunctionGraph graph) => graph.Entry.Predecessors.IsEmpty ? Candidates(graph, out _, out _) : [];

    /// <summary>Text that points have executed elsewhere: whatever is put there is not met.</summary>
    private TakenText BypassedText() => new(bypassed?.Invoke() ?? [], target.IsReserved);

    private List<PatchSite> Candidates(FunctionGraph graph, out bool sawShort, out bool sawLong)
    {
        (sawShort, sawLong) = (false, false);
        Liveness<BasicBlock>? liveness = null;
        var elsewhere = BypassedText();
        var sites = new List<PatchSite>();
        foreach (var (place, index) in Places(graph))
        {
            sawShort |= place.Instruction.Length >= ShortJumpBytes;
            if (place.Instruction.Length < JumpBytes) continue;
            sawLong = true;
            if (elsewhere.Overlaps(place.Range)) continue;
            if (target.CanStoreAtOnce(place.At, JumpBytes)) sites.Add(WithFlags(place, liveness ??= Liveness.Of(graph), graph, index));
        }
        return sites;
    }

    private PatchSite? FirstSpringboard(FunctionGraph graph)
    {
        var elsewhere = BypassedText();
        foreach (var (place, index) in Places(graph))
        {
            if (elsewhere.Overlaps(place.Range) || place.Instruction.Length < ShortJumpBytes || !target.CanStoreAtOnce(place.At, ShortJumpBytes)) continue;
            if (FindSpringboard(graph.Function, place.At, isTaken) is not { } springboard) continue;
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
            if (CanMove(instruction))
            {
                var place = new PatchSite(graph.Function, instruction, SiteForm.Jump, null, walk.StackDepth, walk.Arguments) { IsAfterCall = walk.IsAfterCall };
                yield return (place, i);
            }
            if (!walk.Step(instruction)) yield break;
        }
    }

    private static bool CanMove(in Instruction instruction) => instruction.FlowControl switch
    {
        FlowControl.Next => instruction.Mnemonic is not (Mnemonic.Endbr64 or Mnemonic.Endbr32) && instruction.MemoryBase != Register.EIP && !instruction.IsInvalid,
        FlowControl.UnconditionalBranch => instruction.IsJmpShortOrNear,
        FlowControl.ConditionalBranch => instruction.IsJccShortOrNear,
        _ => false,
    };

    private static PatchSite WithFlags(PatchSite place, Liveness<BasicBlock> liveness, FunctionGraph graph, int index) => place with
    {
        FlagsDead = (liveness.Before(graph.Entry, index).Flags & StatusFlags) == 0,
        FlagsDeadAtEntry = (liveness.In(graph.Entry).Flags & StatusFlags) == 0,
    };

    private static (int, int, int, int, int, ulong) Cost(PatchSite site, IReadOnlyCollection<Register> needed)
    {
        var modified = site.Arguments.Where((place, i) => place != EntryWalk.ArgumentRegisters[i]).Count();
        return (site.IsAfterCall ? 1 : 0, Lost(site, needed), site.Form == SiteForm.Jump ? 0 : 1, site.FlagsDead ? 0 : 1, modified, site.At.Value);
    }

    private static int Lost(PatchSite site, IReadOnlyCollection<Register>? needed) => needed?.Count(r => !site.IsUnmodified(r)) ?? 0;

    /// <summary>All of the range is padding.</summary>
    internal bool IsPadding(Function function, AddressRange range, IEnumerable<AddressRange> more) =>
        more.Concat(padding.Gaps(function, range)).Any(g => g.Start <= range.Start && range.End <= g.End);

    /// <summary>Two bytes of padding, not taken yet, that a short jump at the site reaches: the first and the last that will do of each gap, where another short jump may go on from.</summary>
    internal IEnumerable<Address> FindHops(Function function, Address site, Func<AddressRange, bool> isTakenNow, IEnumerable<AddressRange> more)
    {
        var next = site + ShortJumpBytes;
        var reach = AddressRange.Between(next + sbyte.MinValue, next + (sbyte.MaxValue + ShortJumpBytes));
        foreach (var gap in more.Where(reach.Overlaps).Concat(padding.Gaps(function, reach)))
        {
            Address? first = null, last = null;
            for (var at = gap.Start; at + ShortJumpBytes <= gap.End; at += 1)
            {
                if (at - next is < sbyte.MinValue or > sbyte.MaxValue || !target.CanStoreAtOnce(at, ShortJumpBytes) || isTakenNow(new AddressRange(at, ShortJumpBytes))) continue;
                first ??= at;
                last = at;
            }
            if (first is { } low) yield return low;
            if (last is { } high && last != first) yield return high;
        }
    }

    /// <summary>Five bytes of padding, not taken yet, that a short jump at the site reaches and that one store can fill.</summary>
    internal Address? FindSpringboard(Function function, Address site, Func<AddressRange, bool>? isTakenNow, IEnumerable<AddressRange>? more = null)
    {
        var next = site + ShortJumpBytes;
        var reach = AddressRange.Between(next + sbyte.MinValue, next + (sbyte.MaxValue + JumpBytes));
        foreach (var gap in (more ?? []).Where(reach.Overlaps).Concat(padding.Gaps(function, reach)))
        {
            for (var at = gap.Start; at + JumpBytes <= gap.End; at += 1)
            {
                if (at - next is < sbyte.MinValue or > sbyte.MaxValue || !target.CanStoreAtOnce(at, JumpBytes)) continue;
                if (isTakenNow is null || !isTakenNow(new AddressRange(at, JumpBytes))) return at;
            }
        }
        return null;
    }
}
