using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using KernOpt.Binary;
using KernOpt.Target;

namespace KernOpt.Code.Images;

/// <summary>Copies live memory; answers how many bytes could be read.</summary>
public delegate int MemoryReader(Address from, Span<byte> into);

/// <summary>The modules that came and went between two looks at a program.</summary>
public sealed record ImageChange(ImmutableArray<ModuleImage> Loaded, ImmutableArray<ModuleImage> Unloaded);

/// <summary>
/// The modules of a running program. All members may be called from any thread; each sees one whole state, that of the last <see cref="Refresh"/>.
/// </summary>
public sealed partial class ProgramImage : ICodeSource
{
    private readonly Func<TargetMap> readMap;
    private readonly MemoryReader readMemory;
    private readonly Lock refreshing = new();
    private volatile Snapshot current;

    private ProgramImage(Func<TargetMap> readMap, MemoryReader readMemory, Snapshot first)
    {
        this.readMap = readMap;
        this.readMemory = readMemory;
        current = first;
    }

    /// <summary>Ascending by address.</summary>
    public ImmutableArray<ModuleImage> Modules => current.Modules;

    public TargetMap Map => current.Map;

    public ModuleImage? MainProgram => current.Modules.FirstOrDefault(m => m.Location.IsMainProgram);

    /// <summary>Refused when the target has no modules (it is gone).</summary>
    public static Outcome<ProgramImage> Read(ITarget target) => Read(target.ReadMap, target.Read);

    public static Outcome<ProgramImage> Read(Func<TargetMap> readMap, MemoryReader readMemory)
    {
        var map = readMap();
        if (map.Modules.Count == 0) return Reasons.NoModules.With("");
        return new ProgramImage(readMap, readMemory, Snapshot.Of(map, []));
    }

    /// <summary>Looks at the map again, after dlopen or dlclose. Modules that are unchanged stay the same objects, with what was read of them.</summary>
    public Outcome<ImageChange> Refresh()
    {
        lock (refreshing)
        {
            var map = readMap();
            if (map.Modules.Count == 0) return Reasons.NoModules.With("");
            var before = current.Modules;
            var next = Snapshot.Of(map, before);
            current = next;
            return new ImageChange([.. next.Modules.Except(before)], [.. before.Except(next.Modules)]);
        }
    }

    public int Read(Address from, Span<byte> into) => readMemory(from, into);

    public bool IsExecutable(Address address) => current.Map.At(address) is { } mapping && mapping.Protection.HasFlag(Protection.Execute);

    /// <inheritdoc/>
    public bool IsConstantData(AddressRange range)
    {
        var now = current;
        if (range.Length == 0 || range.End < range.Start || now.ModuleAt(range.Start) is not { } module) return false;
        if (!module.File.Try(out var file, out _) || !file.Image.IsNeverWritten(new FileRange(module.ToFile(range.Start), range.Length))) return false;
        for (var at = range.Start; at < range.End;)
        {
            if (now.Map.At(at) is not { Inode: not 0 } mapping || mapping.Protection.HasFlag(Protection.Write)) return false;
            if (!mapping.Protection.HasFlag(Protection.Read)) return false;
            at = mapping.Range.End;
        }
        return true;
    }

    public ModuleImage? ModuleAt(Address address) => current.ModuleAt(address);

    public Function? FunctionAt(Address address) => current.ModuleAt(address)?.FunctionAt(address);

    public bool TryGetImport(Address stub, [MaybeNullWhen(false)] out string name)
    {
        name = null;
        return current.ModuleAt(stub) is { } module && module.File.Try(out var file, out _) && file.Imports.TryGetStub(module.ToFile(stub), out name);
    }

    public bool TryGetImportSlot(Address slot, [MaybeNullWhen(false)] out string name)
    {
        name = null;
        return current.ModuleAt(slot) is { } module && module.File.Try(out var file, out _) && file.Imports.Slots.TryGetValue(module.ToFile(slot), out name);
    }

    /// <summary>One look at the program.</summary>
    private sealed class Snapshot(TargetMap map, ImmutableArray<ModuleImage> modules)
    {
        private readonly Lazy<ExceptionReach> exceptions = new(() => ExceptionReach.Of(modules));

        public TargetMap Map { get; } = map;
        public ImmutableArray<ModuleImage> Modules { get; } = modules;
        public ExceptionReach Exceptions => exceptions.Value;

        public static Snapshot Of(TargetMap map, ImmutableArray<ModuleImage> before)
        {
            var known = before.ToLookup(m => FileIdentity.Of(m.Location));
            var modules = map.Modules.OrderBy(m => m.Range.Start).Select(location =>
            {
                var sameFile = known[FileIdentity.Of(location)].ToList();
                if (sameFile.Find(m => m.LoadBias == location.LoadBias && m.Location.Range == location.Range) is { } same) return same;
                return sameFile.Count > 0 ? sameFile[0].MovedTo(location) : ModuleImage.At(location);
            });
            return new Snapshot(map, [.. modules]);
        }

        public ModuleImage? ModuleAt(Address address)
        {
            int low = 0, high = Modules.Length - 1;
            while (low <= high)
            {
                var middle = (low + high) / 2;
                var range = Modules[middle].Location.Range;
                if (range.Contains(address)) return Modules[middle];
                if (address < range.Start) high = middle - 1;
                else low = middle + 1;
            }
            return null;
        }
    }

    /// <summary>A file that is mapped: by device and inode, which a file that was replaced on disk does not share with the new one.</summary>
    private readonly record struct FileIdentity(string Path, ulong Device, ulong Inode)
    {
        public static FileIdentity Of(TargetModule module) =>
            module.Mappings.FirstOrDefault(m => m.Inode != 0) is { } mapping ? new(module.Path, mapping.Device, mapping.Inode) : new(module.Path, 0, 0);
    }
}
