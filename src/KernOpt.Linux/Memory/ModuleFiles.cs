using System.Collections.Concurrent;
using KernOpt.Linux.Native;
using KernOpt.Linux.Processes;
using KernOpt.Target;

namespace KernOpt.Linux.Memory;

/// <summary>The bytes and load segments of the very files that a process has mapped, kept by device, inode and time of change.</summary>
internal sealed class ModuleFiles(int pid, TargetMemory memory)
{
    private const int LargestFile = 1 << 30;

    private readonly ConcurrentDictionary<(ulong Device, ulong Inode, long Changed), byte[]> contents = new();
    private readonly ConcurrentDictionary<(ulong Device, ulong Inode), IReadOnlyList<LoadSegment>> segments = new();

    /// <summary>The load segments as the file's mapped first page (else the file) tells them; empty for what is no program.</summary>
    public IReadOnlyList<LoadSegment> Segments(IReadOnlyList<Mapping> mappings)
    {
        var key = (mappings[0].Device, mappings[0].Inode);
        if (segments.TryGetValue(key, out var known)) return known;
        var found = ReadSegments(mappings);
        segments[key] = found;
        return found;
    }

    /// <summary>The whole file.</summary>
    public Outcome<byte[]> Contents(Mapping mapping)
    {
        foreach (var path in Places(mapping))
        {
            var file = new FileInfo(path);
            if (!IsSameFile(path, mapping)) continue;
            try
            {
                if (file.Length > LargestFile) return Reasons.ModuleFileChanged.With($"{mapping.Path} has {file.Length} bytes");
                var key = (mapping.Device, mapping.Inode, file.LastWriteTimeUtc.Ticks);
                return contents.GetOrAdd(key, _ => File.ReadAllBytes(path));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                continue;
            }
        }
        return Reasons.ModuleFileChanged.With(mapping.Path);
    }

    /// <summary>The separate debug file of a build-id: /usr/lib/debug/.build-id/xx/yyyy.debug as the target sees it, then as we see it; or null.</summary>
    public byte[]? DebugFile(byte[] buildId)
    {
        if (buildId.Length is < 2 or > 64) return null;
        var name = Convert.ToHexStringLower(buildId);
        var path = $"/usr/lib/debug/.build-id/{name[..2]}/{name[2..]}.debug";
        foreach (var root in new[] { $"/proc/{pid}/root", "" })
        {
            try
            {
                var file = new FileInfo(root + path);
                // A pipe there would be read for ever.
                if (file.Exists && file.Length <= LargestFile && FileStatus.Read(file.FullName) is { IsRegular: true }) return File.ReadAllBytes(file.FullName);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                continue;
            }
        }
        return null;
    }

    /// <summary>A mapping of memory that is no file (the vdso), as the target has it now.</summary>
    public Outcome<byte[]> MemoryOf(AddressRange range)
    {
        var bytes = new byte[range.Length];
        var length = memory.Read(range.Start, bytes);
        return length == bytes.Length ? bytes : Reasons.ModuleFileChanged.With($"memory at {range}");
    }

    private IReadOnlyList<LoadSegment> ReadSegments(IReadOnlyList<Mapping> mappings)
    {
        var first = mappings.FirstOrDefault(m => m.FileOffset == 0 && m.Protection.HasFlag(Protection.Read));
        if (first is not null)
        {
            var mapped = ProgramHeaders.Read((offset, into) => offset >= first.Range.Length ? 0 : memory.Read(first.Range.Start + offset, into));
            if (mapped.Count > 0 || first.Path.StartsWith('[')) return mapped;
        }
        foreach (var path in Places(mappings[0]))
        {
            if (!IsSameFile(path, mappings[0])) continue;
            var descriptor = SystemCall.Open(path, OpenFlags.ReadOnly);
            if (descriptor < 0) continue;
            var read = ProgramHeaders.Read((offset, into) => SystemCall.ReadAt(descriptor, into, offset));
            SystemCall.Close(descriptor);
            return read;
        }
        return [];
    }

    /// <summary>Where the file may be opened: as the kernel holds it (needs CAP_CHECKPOINT_RESTORE), under the target's root, by its name.</summary>
    private IEnumerable<string> Places(Mapping mapping)
    {
        yield return $"/proc/{pid}/map_files/{mapping.Range.Start.Value:x}-{mapping.Range.End.Value:x}";
        if (mapping.Path.EndsWith(MapsFile.DeletedMark, StringComparison.Ordinal)) yield break;
        yield return $"/proc/{pid}/root{mapping.Path}";
        yield return mapping.Path;
    }

    /// <summary>The link of map_files always means the mapped file; a path is compared by inode, since overlay file systems show other devices.</summary>
    private static bool IsSameFile(string path, Mapping mapping)
    {
        var status = FileStatus.Read(path);
        return status is { IsRegular: true } && status.Value.Inode == mapping.Inode;
    }
}
