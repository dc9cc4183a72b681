using KernOpt.Linux.Native;
using KernOpt.Linux.Regions;
using KernOpt.Linux.Threads;
using KernOpt.Target;

namespace KernOpt.Linux;

public sealed partial class ProcessTarget
{
    private readonly Dictionary<Address, IRegion> regions = [];
    private readonly Lock regionGate = new();

    public TimeSpan LongestHold => holds.Longest;

    public Outcome<IRegion> MapRegion(RegionRequest request)
    {
        lock (regionGate)
        {
            if (State != TargetState.Alive) return WhyNotAlive();
            if (!Mapper.Map(request).Try(out var region, out var why)) return State == TargetState.Alive ? why : WhyNotAlive();
            regions[region.Range.Start] = region;
            return region;
        }
    }

    public Outcome<IReadOnlyList<IRegion>> FindRegions()
    {
        lock (regionGate)
        {
            if (State != TargetState.Alive) return WhyNotAlive();
            var found = RegionMaps.Whole(ReadMap().Mappings);
            foreach (var gone in regions.Keys.Except(found.Select(f => f.Range.Start)).ToList()) Forget(gone);
            return new List<IRegion>(found.Select(Open));
        }
    }

    public Outcome<Done> UnmapRegion(IRegion region)
    {
        lock (regionGate)
        {
            if (State != TargetState.Alive) return WhyNotAlive();
            if (!regions.TryGetValue(region.Range.Start, out var known) || known.Range != region.Range) return Reasons.NotARegion.With($"{region.Range}");
            var unmapped = Mapper.Unmap(region.Range);
            if (unmapped.IsDone) Forget(region.Range.Start);
            if (regions.Count == 0) Runs.Close();
            return unmapped;
        }
    }

    /// <summary>
    /// Removes what a killed run left besides whole regions: stubs, descriptors, half regions. For the holder of the lock, which
    /// <see cref="TryLockForChange"/> does by itself. Answers how many could not be removed yet; they do no harm.
    /// </summary>
    public int RemoveLeftovers()
    {
        lock (regionGate)
        {
            if (State != TargetState.Alive) return 0;
            return new Leftovers(Pid, Places, Calls, ReadMap, ranges => ProveQuiescent(ranges).Try(out var proof, out _) && proof.IsProved).Remove();
        }
    }

    internal StubPlaces Places => new(memory, files);

    internal RegionMapper Mapper => new(Pid, Calls, ReadMap);

    /// <summary>The region as it was opened before, or opened now: through the kernel's link to the mapped file, else through the target's memory.</summary>
    private IRegion Open(RegionMaps.Found found)
    {
        if (regions.TryGetValue(found.Range.Start, out var known) && known.Range == found.Range) return known;
        Forget(found.Range.Start);
        IRegion? region = null;
        if (OwnFile.Behind(Pid, found.Data.Range).Try(out var file, out _))
        {
            using (file)
            {
                if (SharedRegion.Open(file, found.Range, found.Data.Range.Length).Try(out var shared, out _)) region = shared;
            }
        }
        return regions[found.Range.Start] = region ?? new RemoteRegion(found.Range, found.Data.Range.Length, memory, Calls);
    }

    private void Forget(Address start)
    {
        if (regions.Remove(start, out var region)) (region as IDisposable)?.Dispose();
    }
}
