using System.Globalization;
using KernOpt.Linux.Memory;
using KernOpt.Linux.Native;
using KernOpt.Linux.Regions;
using KernOpt.Linux.Threads;
using KernOpt.Target;

namespace KernOpt.Linux;

public sealed partial class ProcessTarget
{
    private const int UsualMostMappings = 65530;

    public IReadOnlyList<AddressRange> ReadFreeSpace(ulong regionBytes)
    {
        var map = ReadMap();
        return map.Mappings.Count == 0 ? [] : FreeSpace.Of(map, Occupied.ProgramBreak(Pid), FreeSpace.LowestAllowed(), regionBytes);
    }

    public Outcome<IStoneFile> MakeStones(ReadOnlySpan<byte> pages, int places)
    {
        lock (regionGate)
        {
            if (State != TargetState.Alive) return WhyNotAlive();
            // Half of what it may have stays the target's own.
            var mappings = MapsFile.Read(Pid).Count;
            if (mappings + places > MostMappings() / 2) return Reasons.TooManyMappings.With($"{mappings} of {MostMappings()}, and {places} more are needed");
            return StoneFile.Make(Pid, Calls, Runs, pages).Try(out var file, out var why) ? file : why;
        }
    }

    public Outcome<IReadOnlyList<AddressRange>> FindStones(ulong file)
    {
        var mappings = MapsFile.Read(Pid);
        if (State != TargetState.Alive) return WhyNotAlive();
        if (mappings.Count == 0) return Reasons.TargetUnreadable.With($"/proc/{Pid}/maps");
        return mappings.Where(m => m.Path == RegionMaps.StonesPath && m.Inode == file).Select(m => m.Range).ToList();
    }

    public Outcome<Done> UnmapStones(ulong file)
    {
        lock (regionGate)
        {
            if (!FindStones(file).Try(out var pages, out var why)) return why;
            var unmapped = Runs.CallAll([.. pages.Select(p => new RemoteArguments(CallNumber.munmap, p.Start.Value, p.Length))]);
            foreach (var one in unmapped)
            {
                if (!one.Try(out _, out why)) return why;
            }
            if (regions.Count == 0) Runs.Close();
            return Done.It;
        }
    }

    private static int MostMappings()
    {
        try
        {
            return int.TryParse(File.ReadAllText("/proc/sys/vm/max_map_count"), CultureInfo.InvariantCulture, out var most) ? most : UsualMostMappings;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return UsualMostMappings;
        }
    }
}
