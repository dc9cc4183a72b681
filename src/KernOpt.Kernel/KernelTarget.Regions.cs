using KernOpt.Kernel.Driver;
using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Kernel;

public sealed partial class KernelTarget
{
    public Outcome<IRegion> MapRegion(RegionRequest request)
    {
        lock (gate)
        {
            var record = new RegionRecord { DataBytes = request.DataBytes, CodeBytes = request.CodeBytes };
            var answer = driver.Call(DriverCalls.Map, ref record);
            if (answer < 0) return answer == -Errno.NoMemory ? Reasons.NoGapInReach.With("the kernel has no memory for modules left") : Reasons.KernelCallFailed.With(Errno.Describe(answer));
            if (!Reaches(record, request.MustReach))
            {
                driver.Call(DriverCalls.Unmap, ref record.At);
                return Reasons.NoGapInReach.With($"the kernel gave {new Address(record.At)}");
            }
            return Open(record);
        }
    }

    public Outcome<IReadOnlyList<IRegion>> FindRegions()
    {
        lock (gate)
        {
            var found = new List<IRegion>();
            for (var record = new RegionRecord(); ; record.Index++)
            {
                var answer = driver.Call(DriverCalls.Region, ref record);
                if (answer == -Errno.NotFound) break;
                if (answer < 0) return Reasons.KernelCallFailed.With(Errno.Describe(answer));
                if (!Open(record).Try(out var region, out var why)) return why;
                found.Add(region);
            }
            foreach (var gone in regions.Keys.Except(found.Select(f => f.Range.Start)).ToList()) Forget(gone);
            return found.OrderBy(r => r.Range.Start).ToList();
        }
    }

    public Outcome<Done> UnmapRegion(IRegion region)
    {
        lock (gate)
        {
            var at = region.Range.Start.Value;
            var answer = driver.Call(DriverCalls.Unmap, ref at);
            if (answer < 0) return answer == -Errno.NotFound ? Reasons.NotARegion.With($"{region.Range}") : Reasons.KernelCallFailed.With($"{region.Range}: {Errno.Describe(answer)}");
            Forget(region.Range.Start);
            return Done.It;
        }
    }

    private Outcome<IRegion> Open(RegionRecord record)
    {
        var start = new Address(record.At);
        if (regions.TryGetValue(start, out var known)) return known;
        if (!driver.Map(record).Try(out var region, out var why)) return why;
        return regions[start] = region;
    }

    private void Forget(Address start)
    {
        if (regions.Remove(start, out var region)) region.Dispose();
    }

    /// <summary>All of it, from all of what it must reach, by a signed 32-bit displacement with room for the instructions around it.</summary>
    private static bool Reaches(RegionRecord record, AddressRange mustReach)
    {
        const ulong reach = (1UL << 31) - (1UL << 20);
        var end = record.At + record.DataBytes + record.CodeBytes;
        return Math.Max(end, mustReach.End.Value) - Math.Min(record.At, mustReach.Start.Value) <= reach;
    }
}
