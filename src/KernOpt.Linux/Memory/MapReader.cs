using KernOpt.Linux.Native;
using KernOpt.Linux.Processes;
using KernOpt.Target;

namespace KernOpt.Linux.Memory;

/// <summary>Groups the mappings of a process into modules: a file of which at least one executable mapping lies where its program headers put it.</summary>
internal sealed class MapReader(int pid, ModuleFiles files)
{
    private const string Vdso = "[vdso]";

    public TargetMap Read()
    {
        var mappings = MapsFile.Read(pid);
        var program = FileStatus.Read($"/proc/{pid}/exe")?.Inode ?? 0;
        var modules = new List<TargetModule>();
        foreach (var group in mappings.Where(m => m.Inode != 0 || m.Path == Vdso).GroupBy(m => (m.Device, m.Inode)))
        {
            var ofFile = group.ToList();
            if (!ofFile.Exists(m => m.Protection.HasFlag(Protection.Execute))) continue;
            AddModules(ofFile, mappings, program, modules);
        }
        modules.Sort((a, b) => a.Range.Start.CompareTo(b.Range.Start));
        return new(mappings, modules);
    }

    /// <summary>One module for each place at which the file is loaded (nearly always one).</summary>
    private void AddModules(List<Mapping> ofFile, List<Mapping> all, ulong program, List<TargetModule> modules)
    {
        var segments = files.Segments(ofFile);
        if (segments.Count == 0) return;
        var biases = ofFile.Where(m => m.Protection.HasFlag(Protection.Execute))
            .Select(m => ProgramHeaders.Bias(segments, m.Range.Start.Value, m.FileOffset)).OfType<ulong>().Distinct();
        foreach (var bias in biases)
        {
            var range = Extent(segments, bias);
            var own = all.Where(m => range.Contains(m.Range.Start) && (m.Inode == ofFile[0].Inode || m.Inode == 0)).ToList();
            if (own.Count > 0) modules.Add(Describe(ofFile[0], bias, range, own, program));
        }
    }

    private TargetModule Describe(Mapping first, ulong bias, AddressRange range, List<Mapping> own, ulong program)
    {
        var path = first.Path.EndsWith(MapsFile.DeletedMark, StringComparison.Ordinal) ? first.Path[..^MapsFile.DeletedMark.Length] : first.Path;
        Func<Outcome<byte[]>> file = first.Inode == 0 ? () => files.MemoryOf(first.Range) : () => files.Contents(first);
        return new(VisibleText.Of(Path.GetFileName(path)), path, new(bias), range, own, first.Inode != 0 && first.Inode == program, file, files.DebugFile);
    }

    private static AddressRange Extent(IReadOnlyList<LoadSegment> segments, ulong bias)
    {
        var start = new Address(unchecked(bias + segments.Min(s => s.Address))).AlignDown(4096);
        var end = new Address(unchecked(bias + segments.Max(s => s.Address + s.MemorySize))).AlignUp(4096);
        return AddressRange.Between(start, end);
    }
}
