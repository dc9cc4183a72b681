using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Linux.Regions;

/// <summary>Reads our regions out of a memory map: mappings of memory files with our name, data and code next to each other.</summary>
internal static class RegionMaps
{
    public const string Path = "/memfd:kernopt (deleted)";

    /// <summary>Stepping stones have another name: kernopt that know of none take every mapping by the name above, of which they find no other half, for a leftover.</summary>
    public const string StonesPath = "/memfd:kernopt-stones (deleted)";

    /// <summary>Where borrowed threads make many calls in a row (<see cref="CallRoom"/>).</summary>
    public const string RoomPath = "/memfd:kernopt-calls (deleted)";

    /// <summary>With what the paths of all of our files begin.</summary>
    public const string AnyPath = "/memfd:kernopt";

    /// <summary>Whether memory of this path is a file of ours.</summary>
    public static bool IsOurs(string? path) => path is Path or StonesPath or RoomPath;

    /// <summary>Whether a descriptor of the process is one of a memory file of ours, now.</summary>
    public static bool IsDescriptor(int pid, ulong descriptor) => IsOurs(SystemCall.ReadLink($"/proc/{pid}/fd/{descriptor}"));

    /// <summary>A region: the data mapping (rw, file offset 0) and right after it the code mapping (r-x, at the file offset where data ends).</summary>
    public readonly record struct Found(Mapping Data, Mapping Code)
    {
        public AddressRange Range => AddressRange.Between(Data.Range.Start, Code.Range.End);
    }

    public static IReadOnlyList<Found> Whole(IReadOnlyList<Mapping> mappings)
    {
        var found = new List<Found>();
        for (var i = 0; i + 1 < mappings.Count; i++)
        {
            if (IsPair(mappings[i], mappings[i + 1])) found.Add(new(mappings[i], mappings[i + 1]));
        }
        return found;
    }

    /// <summary>Mappings of ours that are not part of a whole region: left by a run that was killed while it mapped or unmapped one.</summary>
    public static IReadOnlyList<Mapping> Fragments(IReadOnlyList<Mapping> mappings)
    {
        var whole = Whole(mappings);
        return [.. mappings.Where(m => m.Path == Path && !whole.Any(f => f.Range.Contains(m.Range)))];
    }

    private static bool IsPair(Mapping data, Mapping code) =>
        data.Path == Path && code.Path == Path && data.Inode == code.Inode && data.Device == code.Device && !data.IsPrivate && !code.IsPrivate
        && data.FileOffset == 0 && code.FileOffset == data.Range.Length && code.Range.Start == data.Range.End
        && data.Protection == (Protection.Read | Protection.Write) && code.Protection == (Protection.Read | Protection.Execute);
}
