using System.Globalization;
using KernOpt.Linux.Memory;
using KernOpt.Linux.Native;
using KernOpt.Linux.Processes;
using KernOpt.Linux.Regions;
using KernOpt.Target;

namespace KernOpt.Linux.Proofs;

/// <summary>Other processes that map the memory file of one of our regions: forked children, and those that share the address space (vfork, CLONE_VM).</summary>
internal sealed record Sharers(IReadOnlyList<int> SameAddressSpace, IReadOnlyList<int> Others)
{
    private static readonly Sharers None = new([], []);

    public static Sharers Of(int pid, TargetMap map, IReadOnlyList<AddressRange> ranges)
    {
        var files = ranges.Select(r => map.At(r.Start)).OfType<Mapping>().Where(m => RegionMaps.IsOurs(m.Path)).Select(m => (m.Device, m.Inode)).ToHashSet();
        if (files.Count == 0) return None;
        var same = new List<int>();
        var others = new List<int>();
        foreach (var other in Processes().Where(p => p != pid && p != Environment.ProcessId))
        {
            var maps = ReadText($"/proc/{other}/maps");
            // A child that has taken other rights cannot be read: it may still share the region.
            if (maps is null && ParentOf(other) == pid && ProcessStatus.Read(other) is { State: not ('Z' or 'X') }) others.Add(other);
            if (maps is null || !maps.Contains(RegionMaps.AnyPath, StringComparison.Ordinal)) continue;
            if (!MapsFile.Parse(maps.Split('\n')).Exists(m => files.Contains((m.Device, m.Inode)))) continue;
            (HasSameAddressSpace(pid, other) ? same : others).Add(other);
        }
        // Another kernopt holds the file for itself; it runs nothing there. It is one when it has no executable mapping of it.
        others.RemoveAll(o => MapsFile.Read(o) is { Count: > 0 } found && !found.Exists(m => files.Contains((m.Device, m.Inode)) && m.Protection.HasFlag(Protection.Execute)));
        return new(same, others);
    }

    /// <summary>
    /// A process of another network namespace that maps one of the target's regions, and none of it for execution: a kernopt that does not see our names, and may
    /// be at work. Null when there is none.
    /// </summary>
    public static int? Stranger(int pid, TargetMap map)
    {
        var files = map.Mappings.Where(m => m.Path == RegionMaps.Path).Select(m => (m.Device, m.Inode)).ToHashSet();
        if (files.Count == 0) return null;
        var here = SystemCall.ReadLink("/proc/self/ns/net");
        foreach (var other in Processes().Where(p => p != pid && SystemCall.ReadLink($"/proc/{p}/ns/net") is { } there && there != here))
        {
            var own = MapsFile.Read(other).Where(m => files.Contains((m.Device, m.Inode))).ToList();
            if (own.Count > 0 && !own.Exists(m => m.Protection.HasFlag(Protection.Execute))) return other;
        }
        return null;
    }

    private static IEnumerable<int> Processes() => Directory.EnumerateDirectories("/proc")
        .Select(d => int.TryParse(Path.GetFileName(d), CultureInfo.InvariantCulture, out var number) ? number : 0).Where(n => n > 0);

    private static bool HasSameAddressSpace(int one, int other)
    {
        const int addressSpace = 1;   // KCMP_VM of kcmp(2)
        return SystemCall.Invoke(CallNumber.kcmp, one, other, addressSpace) == 0;
    }

    private static int ParentOf(int pid)
    {
        var status = ReadText($"/proc/{pid}/status");
        return status is null ? 0 : (int)ProcessStatus.Number(status.Split('\n'), "PPid:");
    }

    private static string? ReadText(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
