using KernOpt.Linux.Memory;
using KernOpt.Linux.Native;
using KernOpt.Linux.Threads;
using KernOpt.Target;

namespace KernOpt.Linux.Regions;

/// <summary>
/// Pages of one file, mapped by calls of a borrowed thread where they are wanted:
///     fd = memfd_create("kernopt-stones")      we take the descriptor for ourselves, write the pages and seal the file
///     mmap page   r-xp, at its address         or the kernel refuses (MAP_FIXED_NOREPLACE)
///     close fd
/// The kernel looks whether the place is free and maps it under one lock of the address space: what another thread maps at the same instant is there before, and the call
/// is refused, or comes after, and goes elsewhere. Private, since the kernel before 6.7 maps no sealed file shared; nothing is copied, for nobody may write.
/// </summary>
internal sealed class StoneFile : IStoneFile
{
    private const ulong Page = 4096;

    private readonly int pid;
    private readonly CallRuns runs;
    private readonly NewFile file;

    private StoneFile(int pid, CallRuns runs, NewFile file)
    {
        this.pid = pid;
        this.runs = runs;
        this.file = file;
    }

    public ulong Number => file.Own.Inode;

    public static Outcome<StoneFile> Make(int pid, RemoteCalls calls, CallRuns runs, ReadOnlySpan<byte> pages)
    {
        if (!NewFile.Make(pid, calls, CallStub.StonesNameOffset).Try(out var file, out var why)) return why;
        if (file.Own.Fill(pages).Try(out _, out why) && file.Own.Inode != 0) return new StoneFile(pid, runs, file);
        file.Dispose();
        return why ?? Reasons.NoMemoryFilePermission.With("the memory file has no number");
    }

    public IReadOnlyList<Outcome<Done>> Map(IReadOnlyList<(Address At, int Page)> places)
    {
        const int protection = MapFlags.ProtectionRead | MapFlags.ProtectionExecute, flags = MapFlags.Private | MapFlags.FixedNoReplace;
        var answers = runs.CallAll([.. places.Select(p => new RemoteArguments(CallNumber.mmap, p.At.Value, Page, protection, flags, file.Descriptor, (ulong)p.Page * Page))]);
        // Kernels before 4.17 take the address as a hint only and answer another one.
        runs.CallAll([.. places.Zip(answers).Where(a => a.Second.Try(out var at, out _) && at != a.First.At.Value).Select(a => new RemoteArguments(CallNumber.munmap, a.Second.Value, Page))]);
        // A program that closes descriptors which are not its own may have had ours, and another file under its number since.
        var there = MapsFile.Read(pid).Where(m => m.Path == RegionMaps.StonesPath && m.Inode == Number).SelectMany(m => Enumerable.Range(0, (int)(m.Range.Length / Page)).Select(n => m.Range.Start + ((ulong)n * Page))).ToHashSet();
        var strange = places.Zip(answers).Where(a => a.Second.Try(out var at, out _) && at == a.First.At.Value && !there.Contains(a.First.At)).Select(a => a.First.At).ToHashSet();
        runs.CallAll([.. strange.Select(at => new RemoteArguments(CallNumber.munmap, at.Value, Page))]);
        return [.. places.Zip(answers, (place, answer) => answer.Then<Done>(at => at == place.At.Value && !strange.Contains(place.At) ? Done.It : Reasons.NoGapInReach.With($"{place.At} was taken meanwhile")))];
    }

    public void Dispose() => file.Dispose();
}
