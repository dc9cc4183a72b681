using KernOpt.Linux.Memory;
using KernOpt.Linux.Native;
using KernOpt.Linux.Threads;
using KernOpt.Target;

namespace KernOpt.Linux.Regions;

/// <summary>
/// Maps and unmaps regions by calls of a borrowed thread:
///     fd = memfd_create("kernopt")      we take the descriptor for ourselves (pidfd_getfd(2))
///     mmap data   rw-s, offset 0        at an address that is free now, or the kernel refuses (MAP_FIXED_NOREPLACE)
///     mmap code   r-xs, offset = length of data
///     close fd                          we set the length of the file, seal it, and map all of it for ourselves
/// What a kill leaves in the middle is found by <see cref="Leftovers"/>.
/// </summary>
internal sealed class RegionMapper(int pid, RemoteCalls calls, Func<TargetMap> readMap)
{
    private const int MostTries = 8;

    public Outcome<SharedRegion> Map(RegionRequest request) =>
        Map(request, CallStub.NameOffset, map => GapFinder.Find(map, request.MustReach, request.DataBytes + request.CodeBytes, Occupied.ProgramBreak(pid)));

    /// <param name="request">The sizes, and for people what is to be in reach.</param>
    /// <param name="nameOffset">Which of the names of <see cref="CallStub"/> the file has.</param>
    /// <param name="placesIn">Where in a map it may go, the best place first.</param>
    public Outcome<SharedRegion> Map(RegionRequest request, int nameOffset, Func<TargetMap, IReadOnlyList<Address>> placesIn)
    {
        if (!IsSound(request)) return Reasons.NoGapInReach.With($"a region of {request.DataBytes}+{request.CodeBytes} bytes is not whole pages within 1 GiB");
        if (!NewFile.Make(pid, calls, nameOffset).Try(out var file, out var why)) return why;
        // Our mapping and the target's keep it.
        using (file) return MapFile(request, file, placesIn);
    }

    public Outcome<Done> Unmap(AddressRange range)
    {
        var result = calls.Call(new(CallNumber.munmap, range.Start.Value, range.Length));
        return result.Then<Done>(_ => Done.It);
    }

    private static bool IsSound(RegionRequest request) => request.DataBytes is > 0 and <= 1 << 30 && request.CodeBytes is > 0 and <= 1 << 30
        && (request.DataBytes | request.CodeBytes) % 4096 == 0;

    /// <summary>
    /// The file gets its length only when it is mapped: a program that locks all its memory (mlockall(2)) would otherwise wait in the call until all of it
    /// is provided.
    /// </summary>
    private Outcome<SharedRegion> MapFile(RegionRequest request, NewFile file, Func<TargetMap, IReadOnlyList<Address>> placesIn)
    {
        var length = request.DataBytes + request.CodeBytes;
        if (!MapInTarget(request, file.Descriptor, length, placesIn).Try(out var start, out var why)) return why;
        var region = file.Own.SetLength(length).Then(_ => SharedRegion.Open(file.Own, new(start, length), request.DataBytes));
        if (!region.IsDone) Unmap(new(start, length));
        return region;
    }

    private Outcome<Address> MapInTarget(RegionRequest request, ulong descriptor, ulong length, Func<TargetMap, IReadOnlyList<Address>> placesIn)
    {
        const int flags = MapFlags.Shared | MapFlags.FixedNoReplace;
        Refusal last = Reasons.NoGapInReach.With($"{length} bytes near {request.MustReach}");
        for (var tries = 0; tries < MostTries; tries++)
        {
            var places = placesIn(readMap());
            if (places.Count == 0) return last;
            var start = places[Math.Min(tries / 2, places.Count - 1)];
            var data = calls.Call(new(CallNumber.mmap, start.Value, request.DataBytes, MapFlags.ProtectionRead | MapFlags.ProtectionWrite, flags, descriptor));
            if (!At(data, start, request.DataBytes).Try(out _, out last!)) continue;
            var codeStart = start + request.DataBytes;
            var code = calls.Call(new(CallNumber.mmap, codeStart.Value, request.CodeBytes, MapFlags.ProtectionRead | MapFlags.ProtectionExecute, flags, descriptor, request.DataBytes));
            if (At(code, codeStart, request.CodeBytes).Try(out _, out last!)) return start;
            Unmap(new(start, request.DataBytes));
        }
        return last;
    }

    /// <summary>Kernels before 4.17 take the address as a hint only and answer another one.</summary>
    private Outcome<Address> At(Outcome<ulong> result, Address wanted, ulong length)
    {
        if (!result.Try(out var address, out var why)) return why;
        if (address == wanted.Value) return wanted;
        Unmap(new(new(address), length));
        return Reasons.NoGapInReach.With($"{wanted} was taken meanwhile");
    }
}
