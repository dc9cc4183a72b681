using System.Reflection;
using System.Text;
using KernOpt.Target;

namespace KernOpt.Live.Regions;

/// <summary>All regions of a target, and the numbers that what is in them is called by.</summary>
internal sealed class RegionSet
{
    private static readonly string Build = typeof(RegionSet).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";

    private readonly ITarget target;
    private readonly ulong owner;
    private readonly List<LiveRegion> regions;
    private ulong lastId;

    private RegionSet(ITarget target, ulong owner, List<LiveRegion> regions)
    {
        this.target = target;
        this.owner = owner;
        this.regions = regions;
        foreach (var region in regions)
        {
            foreach (var placed in region.Entries) lastId = Math.Max(lastId, placed.Entry.Id);
            if (region.Status == RegionStatus.Usable) lastId = Math.Max(lastId, region.Memory.Load(RegionFormat.Header.LastId));
        }
    }

    public IReadOnlyList<LiveRegion> All => regions;

    public static Outcome<RegionSet> Find(ITarget target)
    {
        var owner = Checksum.Of(Encoding.UTF8.GetBytes(target.Identity));
        if (!target.FindRegions().Try(out var found, out var why)) return why;
        return new RegionSet(target, owner, [.. found.Select(r => LiveRegion.Open(r, owner))]);
    }

    /// <summary>
    /// Does something in the first region in reach of all of the range that has room for it; where none has, a new one is mapped. Refused (5003) when there is
    /// no room even then. A new one that stays empty is unmapped again.
    /// </summary>
    public Outcome<T> InReachOf<T>(AddressRange module, Func<LiveRegion, Outcome<T>> attempt)
    {
        foreach (var region in regions)
        {
            if (region.Status != RegionStatus.Usable || !region.CanReach(module) || !region.Memory.MakeWritable().IsDone) continue;
            region.Format(owner, Build);
            var outcome = attempt(region);
            if (outcome.IsDone || outcome.Refusal.Reason != Reasons.RegionFull) return outcome;
        }
        if (!Map(module).Try(out var fresh, out var why)) return why;
        var last = attempt(fresh);
        if (!last.IsDone && fresh.IsEmpty) Release(fresh);
        return last;
    }

    /// <summary>The next number, noted in the region so that no later kernopt uses it again.</summary>
    public ulong NextId(LiveRegion region)
    {
        lastId++;
        region.Memory.Store(RegionFormat.Header.LastId, lastId);
        return lastId;
    }

    /// <summary>
    /// Unmaps a region that holds nothing, or nothing that leads anywhere in this address space, and in which, as the target proves, no thread is; and before it the pages that
    /// only its entries know of.
    /// </summary>
    public bool Release(LiveRegion region)
    {
        var files = region.Entries.Select(e => e.Entry.Stones).Where(f => f != 0).Distinct().ToList();
        var ranges = new List<AddressRange> { region.Range };
        foreach (var file in files)
        {
            if (!target.FindStones(file).Try(out var pages, out _)) return false;
            ranges.AddRange(pages);
        }
        if (!target.ProveQuiescent(ranges).Try(out var quiescence, out _) || !quiescence.IsProved) return false;
        if (files.Exists(file => !target.UnmapStones(file).IsDone)) return false;
        if (!target.UnmapRegion(region.Memory).IsDone) return false;
        regions.Remove(region);
        return true;
    }

    private Outcome<LiveRegion> Map(AddressRange module)
    {
        if (!target.MapRegion(new RegionRequest(module, RegionFormat.DefaultDataBytes, RegionFormat.DefaultCodeBytes)).Try(out var memory, out var why)) return why;
        var region = LiveRegion.Open(memory, owner);
        region.Format(owner, Build);
        regions.Add(region);
        return region;
    }
}
