using KernOpt.Target;

namespace KernOpt.Linux.Regions;

/// <summary>Chooses where a region goes: free, in reach of all that it must reach, and out of the way of what grows.</summary>
internal static class GapFinder
{
    private const ulong Page = 4096;

    /// <summary>A signed 32-bit displacement, less room for the instructions around it.</summary>
    private const ulong Reach = (1UL << 31) - (1UL << 20);

    /// <summary>Kept free on both sides, so that a neighbour may grow a little and an overrun hits nothing.</summary>
    private const ulong Margin = 64 * 1024;

    /// <summary>Rather kept free: there come jumps down whose displacements are small because the bytes that decide about them are 0 or 255 (<see cref="FreeSpace"/>).</summary>
    private const ulong Apart = 32UL << 20;

    /// <summary>
    /// Free starts; each has all of [start, start+length) in reach of all that must be reached. First those beside a region, then those a little apart from what is mapped, then others; of each
    /// the nearest first.
    /// </summary>
    public static IReadOnlyList<Address> Find(TargetMap map, AddressRange mustReach, ulong length, Address programBreak) =>
        [.. BesideRegions(map, mustReach, length, programBreak).Concat(Find(map, mustReach, length, programBreak, Apart)).Concat(Find(map, mustReach, length, programBreak, Margin)).Distinct()];

    private static IEnumerable<Address> Find(TargetMap map, AddressRange mustReach, ulong length, Address programBreak, ulong margin)
    {
        var taken = Occupied.Ranges(map, programBreak);
        var found = new List<Address>();
        var from = Occupied.Lowest;
        foreach (var (start, end) in taken.Append((Occupied.Highest, Occupied.Highest)))
        {
            var until = Math.Min(start, Occupied.Highest);
            if (until > from) AddCandidates(from, until, mustReach, length, margin, found);
            from = Math.Max(from, end);
        }
        return found.OrderBy(a => Math.Abs(a - mustReach.Start));
    }

    /// <summary>Behind a region, seen from what must be reached: there <see cref="FreeSpace"/> lets no page go, while those that are anywhere else soon leave no gap of this length.</summary>
    private static IEnumerable<Address> BesideRegions(TargetMap map, AddressRange mustReach, ulong length, Address programBreak)
    {
        var taken = Occupied.Ranges(map, programBreak);
        foreach (var region in RegionMaps.Whole(map.Mappings).Select(r => r.Range).OrderBy(r => Math.Abs(r.Start - mustReach.Start)))
        {
            var isAbove = region.Start > mustReach.Start;
            if (!isAbove && region.Start.Value < Occupied.Lowest + length + (2 * Margin)) continue;
            var start = isAbove ? region.End.Value + Margin : region.Start.Value - Margin - length;
            var isInReach = start + length <= mustReach.Start.Value + Reach && start + Reach >= mustReach.End.Value;
            if (isInReach && start + length + Margin <= Occupied.Highest && !taken.Exists(t => t.Start < start + length + Margin && t.End > start - Margin)) yield return new(start);
        }
    }

    /// <summary>The lower and the upper end of a gap, in so far as they are in reach.</summary>
    private static void AddCandidates(ulong from, ulong to, AddressRange mustReach, ulong length, ulong margin, List<Address> found)
    {
        var first = mustReach.End.Value > Reach ? mustReach.End.Value - Reach : 0;
        var last = mustReach.Start.Value + Reach;
        var low = new Address(Math.Max(from + margin, first)).AlignUp(Page).Value;
        var high = Math.Min(to, last);
        if (high < length + margin) return;
        high = new Address(high - length - margin).AlignDown(Page).Value;
        if (low > high) return;
        found.Add(new(low));
        if (high != low) found.Add(new(high));
    }
}
