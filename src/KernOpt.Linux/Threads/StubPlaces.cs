using KernOpt.Linux.Memory;
using KernOpt.Target;

namespace KernOpt.Linux.Threads;

/// <summary>
/// Room for a stub: the rest of the last page of an executable segment, which no section covers and which is mapped because mappings are whole pages.
/// Only bytes that are zero are taken, so the file's bytes are put back by zeros. And only modules that are never unloaded: the program, its loader, the C library, the vdso.
/// </summary>
internal sealed class StubPlaces(TargetMemory memory, ModuleFiles files)
{
    /// <summary>A free place, or why there is none.</summary>
    public Outcome<Address> Find(TargetMap map)
    {
        foreach (var slack in Slacks(map))
        {
            var place = PlaceIn(slack);
            if (place < slack.Start) continue;
            var bytes = new byte[CallStub.Size];
            if (memory.Read(place, bytes) == bytes.Length && !bytes.AsSpan().ContainsAnyExcept((byte)0)) return place;
        }
        return Reasons.NoRoomForStub.With($"{map.Modules.Count} modules");
    }

    /// <summary>Stubs that a run left which was killed.</summary>
    public IReadOnlyList<Address> FindLeftovers(TargetMap map)
    {
        var found = new List<Address>();
        var magic = new byte[CallStub.Magic.Length];
        foreach (var slack in Slacks(map))
        {
            var place = PlaceIn(slack);
            if (place < slack.Start || memory.Read(place, magic) != magic.Length) continue;
            if (magic.AsSpan().SequenceEqual(CallStub.Magic)) found.Add(place);
        }
        return found;
    }

    /// <summary>Puts the file's bytes back.</summary>
    public void Clear(Address place) => memory.Write(place, new byte[CallStub.Size]);

    /// <summary>The end of the page: whole cache lines, so that none with live code is touched. (The vdso has its section headers before that.)</summary>
    private static Address PlaceIn(AddressRange slack) => (slack.End - CallStub.Size).AlignDown(64);

    private static readonly string[] NeverUnloaded = ["ld-linux", "ld-musl", "libc.so", "libc-", "[vdso]"];

    private static bool IsNeverUnloaded(TargetModule module) =>
        module.IsMainProgram || NeverUnloaded.Any(n => module.Name.StartsWith(n, StringComparison.Ordinal));

    private IEnumerable<AddressRange> Slacks(TargetMap map)
    {
        foreach (var module in map.Modules.Where(IsNeverUnloaded))
        {
            var own = module.Mappings.Where(m => m.IsPrivate && m.Protection == (Protection.Read | Protection.Execute)).ToList();
            if (own.Count == 0) continue;
            foreach (var segment in files.Segments(own))
            {
                if (!segment.IsExecutable || segment.MemorySize != segment.FileSize) continue;
                var end = module.LoadBias + (segment.Address + segment.FileSize);
                var slack = AddressRange.Between(end, end.AlignUp(4096));
                if (slack.Length > 0 && own.Exists(m => m.Range.Contains(slack))) yield return slack;
            }
        }
    }
}
