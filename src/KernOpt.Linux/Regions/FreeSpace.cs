using System.Globalization;
using KernOpt.Target;

namespace KernOpt.Linux.Regions;

/// <summary>
/// Where pages may go whose addresses are no choice of ours: free, apart from what is mapped, and out of the way of what grows. Besides the heap and the
/// stack any private writable memory with nothing right below it may be a stack that grows (MAP_GROWSDOWN of mmap(2), which the map does not show): below it stays free what such
/// a stack may take, and the gap that the kernel keeps below that. And the places to which regions will go are left to them.
/// </summary>
internal static class FreeSpace
{
    private const ulong Page = 4096;

    /// <summary>From our page to the next mapping of the program, so that neither becomes the other's neighbour.</summary>
    private const ulong Margin = 64 * 1024;

    /// <summary>The usual limit of a stack (RLIMIT_STACK), and the kernel's stack_guard_gap of 256 pages.</summary>
    private const ulong StackRoom = (8UL << 20) + 256 * Page;

    /// <summary>
    /// How much code a region serves when a probe is in each of its blocks: those of compiled programs are 17 to 26 bytes long (measured: python3, postgres, libc), and three
    /// installations of 8,192 placements go to a region's log (LiveCode.FittingChanges).
    /// </summary>
    private const ulong CodeOfARegion = 400 * 1024;

    /// <summary>At most so many regions have room beside each other: some 240,000 placements. Where there are more, pages of ours may leave no gap for the next one.</summary>
    private const ulong RegionsInARow = 10;

    /// <param name="map">The address space.</param>
    /// <param name="programBreak">Where the heap starts, or 0.</param>
    /// <param name="lowest">Nothing goes below.</param>
    /// <param name="regionBytes">The size of a region that may be mapped for any module, 0 for none.</param>
    /// <returns>Whole pages, ascending.</returns>
    public static IReadOnlyList<AddressRange> Of(TargetMap map, Address programBreak, ulong lowest, ulong regionBytes)
    {
        var free = new List<AddressRange>();
        var from = Math.Max(Occupied.Lowest, AlignUp(lowest));
        foreach (var (start, end) in WithMargins(map, programBreak, regionBytes).Append((Occupied.Highest, Occupied.Highest)))
        {
            // The map ends with vsyscall, above all that a program can map.
            var until = Math.Min(start, Occupied.Highest);
            if (until > from) free.Add(AddressRange.Between(new(from), new(until)));
            from = Math.Max(from, end);
        }
        return free;
    }

    /// <summary>The lowest address that a program without privileges may map (vm.mmap_min_addr).</summary>
    public static ulong LowestAllowed()
    {
        try
        {
            return ulong.TryParse(File.ReadAllText("/proc/sys/vm/mmap_min_addr"), CultureInfo.InvariantCulture, out var lowest) ? lowest : 0;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    private static IEnumerable<(ulong Start, ulong End)> WithMargins(TargetMap map, Address programBreak, ulong regionBytes)
    {
        // Next to a page of ours another one may lie.
        var stones = map.Mappings.Where(m => m.Path == RegionMaps.StonesPath).Select(m => m.Range).ToList();
        var others = new TargetMap([.. map.Mappings.Where(m => m.Path != RegionMaps.StonesPath)], []);
        var taken = Occupied.Ranges(others, programBreak).ConvertAll(r => (Start: Below(r.Start, Margin), End: AlignUp(r.End + Margin)));
        taken.AddRange(stones.Select(s => (s.Start.Value, s.End.Value)));
        taken.AddRange(RegionPlaces(map, programBreak, regionBytes));
        for (var i = 0; i < map.Mappings.Count; i++)
        {
            var mapping = map.Mappings[i];
            if (!mapping.IsPrivate || !mapping.Protection.HasFlag(Protection.Write)) continue;
            if (i > 0 && map.Mappings[i - 1].Range.End == mapping.Range.Start) continue;
            taken.Add((Below(mapping.Range.Start.Value, StackRoom), mapping.Range.End.Value));
        }
        taken.Sort();
        return taken;
    }

    /// <summary>Modules whose regions begin at the same place share its row.</summary>
    private static IEnumerable<(ulong Start, ulong End)> RegionPlaces(TargetMap map, Address programBreak, ulong regionBytes) => regionBytes == 0 ? []
        : map.Modules.SelectMany(m => GapFinder.Find(map, m.Range, regionBytes, programBreak).Take(1).Select(first => (First: first, Module: m)))
            .GroupBy(place => (place.First, IsAbove: place.First > place.Module.Range.Start), place => CodeBytes(place.Module))
            .Select(places => Row(places.Key.First, places.Key.IsAbove, regionBytes, places.Aggregate(0UL, (sum, bytes) => sum + bytes)));

    private static ulong CodeBytes(TargetModule module) =>
        module.Mappings.Where(m => m.Protection.HasFlag(Protection.Execute)).Aggregate(0UL, (sum, mapping) => sum + mapping.Range.Length);

    /// <summary>From the first region away from the module, as <see cref="GapFinder"/> goes on.</summary>
    private static (ulong Start, ulong End) Row(Address first, bool isAbove, ulong regionBytes, ulong codeBytes)
    {
        var regions = Math.Clamp((codeBytes + CodeOfARegion - 1) / CodeOfARegion, 1, RegionsInARow);
        var (row, end) = (regions * (regionBytes + Margin), first.Value + regionBytes);
        return isAbove ? (Below(first.Value, Margin), AlignUp(first.Value + row)) : (Below(end, row), AlignUp(end + Margin));
    }

    private static ulong Below(ulong address, ulong bytes) => address > bytes ? address - bytes : 0;

    private static ulong AlignUp(ulong address) => (address + Page - 1) & ~(Page - 1);
}
