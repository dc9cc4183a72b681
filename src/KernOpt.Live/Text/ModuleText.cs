using System.Diagnostics;
using KernOpt.Live.Regions;
using KernOpt.Target;

namespace KernOpt.Live.Text;

/// <summary>What the files of the loaded modules say about addresses of the target: which byte of which file lies where, and what it is.</summary>
internal sealed class ModuleText(ITarget target)
{
    private static readonly TimeSpan LeastAge = TimeSpan.FromMilliseconds(20);

    /// <summary>A target with thousands of mappings takes long to say which: no more than this share of the time is spent on asking.</summary>
    private const int OneIn = 10;

    private readonly Lock gate = new();
    private readonly Dictionary<(ulong Device, ulong Inode), Outcome<byte[]>> files = [];
    private TargetMap? map;
    private long readAt;
    private TimeSpan age;

    /// <summary>The map, at most 20 ms old, or ten times as old as it takes to read. A module may go at any time: what is decided by it is only ever whether to try a store that compares.</summary>
    public TargetMap Map
    {
        get
        {
            lock (gate)
            {
                if (map is not null && Stopwatch.GetElapsedTime(readAt) < age) return map;
                var began = Stopwatch.GetTimestamp();
                map = target.ReadMap();
                readAt = Stopwatch.GetTimestamp();
                age = Stopwatch.GetElapsedTime(began, readAt) * OneIn is var longer && longer > LeastAge ? longer : LeastAge;
                return map;
            }
        }
    }

    /// <summary>Makes the next question read the map again.</summary>
    public void Refresh()
    {
        lock (gate) map = null;
    }

    /// <summary>A hash of device, inode and file offset of the byte at an address; null when it is not executable text mapped from a file.</summary>
    public ulong? IdentityAt(Address at) =>
        Map.At(at) is { Inode: not 0 } mapping && mapping.Protection.HasFlag(Protection.Execute)
            ? Checksum.Of(mapping.Device, mapping.Inode, mapping.FileOffset + (ulong)(at - mapping.Range.Start))
            : null;

    /// <summary>What the module's file holds for these addresses.</summary>
    public Outcome<byte[]> FileBytes(AddressRange range)
    {
        if (Map.At(range.Start) is not { Inode: not 0 } mapping || !mapping.Range.Contains(range))
            return Reasons.TextNotComparable.With($"{range} is not mapped from a file");
        if (!FileOf(mapping).Try(out var file, out var why)) return why;
        var offset = mapping.FileOffset + (ulong)(range.Start - mapping.Range.Start);
        if (offset > (ulong)file.Length || range.Length > (ulong)file.Length - offset)
            return Reasons.TextNotComparable.With($"{range} lies behind the end of {mapping.Path}");
        return file.AsSpan((int)offset, (int)range.Length).ToArray();
    }

    private Outcome<byte[]> FileOf(Mapping mapping)
    {
        var module = Map.Modules.FirstOrDefault(m => m.Mappings.Contains(mapping));
        if (module is null) return Reasons.TextNotComparable.With($"{mapping.Path} is not a module");
        lock (gate)
        {
            if (!files.TryGetValue((mapping.Device, mapping.Inode), out var file)) files[(mapping.Device, mapping.Inode)] = file = module.File();
            return file;
        }
    }
}
