using System.Globalization;
using KernOpt.Linux.Memory;
using KernOpt.Linux.Native;
using KernOpt.Linux.Threads;
using KernOpt.Target;

namespace KernOpt.Linux.Regions;

/// <summary>
/// What a run that was killed may have left in the target besides whole regions, each harmless: a stub in the slack of a segment, an open descriptor of a
/// memory file, half a region, the room for calls in a row. Only the holder of the change lock may remove them.
/// </summary>
internal sealed class Leftovers(int pid, StubPlaces places, RemoteCalls calls, Func<TargetMap> readMap, Func<IReadOnlyList<AddressRange>, bool> isQuiescent)
{
    /// <summary>Removes what can be removed now; answers how many things remain.</summary>
    public int Remove()
    {
        var map = readMap();
        var remaining = 0;
        foreach (var place in places.FindLeftovers(map))
        {
            if (isQuiescent([new(place, CallStub.Size)])) places.Clear(place);
            else remaining++;
        }
        remaining += Descriptors().Count(descriptor => RegionMaps.IsDescriptor(pid, descriptor) && !calls.Call(new(CallNumber.close, descriptor)).IsDone);
        // One proof for both parts: a thread in the code is on its way to the data.
        foreach (var room in map.Mappings.Where(m => m.Path == RegionMaps.RoomPath).GroupBy(m => m.Inode))
        {
            if (isQuiescent([.. room.Select(m => m.Range)])) remaining += room.Count(part => !Unmap(part));
            else remaining++;
        }
        // Nothing ever pointed into half a region: the first switch is thrown only when all of it is there.
        return remaining + RegionMaps.Fragments(map.Mappings).Count(half => !Unmap(half));
    }

    private bool Unmap(Mapping mapping) => calls.Call(new(CallNumber.munmap, mapping.Range.Start.Value, mapping.Range.Length)).IsDone;

    private List<ulong> Descriptors()
    {
        try
        {
            return [.. Directory.EnumerateFiles($"/proc/{pid}/fd").Where(f => RegionMaps.IsOurs(SystemCall.ReadLink(f)))
                .Select(f => ulong.Parse(Path.GetFileName(f), CultureInfo.InvariantCulture))];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
