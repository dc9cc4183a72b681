using System.Collections.Frozen;

namespace KernOpt.Target;

public enum TargetState
{
    Alive,
    /// <summary>It has exited.</summary>
    Gone,
    /// <summary>It has executed another program: the address space that we knew is no more.</summary>
    Replaced,
}

/// <summary>
/// Running code that can be read, changed by single atomic stores, given memory, and sampled: a process or a kernel.
/// No layer above asks which. All members may be called from any thread.
/// </summary>
public interface ITarget : IDisposable
{
    /// <summary>For people: "redis-server (pid 812)".</summary>
    string Name { get; }

    /// <summary>Stable for the life of the target, unique on the machine: "pid:812:start:123456".</summary>
    string Identity { get; }

    TargetState State { get; }

    /// <summary>The modules and memory map as they are now; cheap enough to be called once an interval.</summary>
    TargetMap ReadMap();

    /// <summary>Copies memory; answers how many bytes could be read (short where a page is not mapped).</summary>
    int Read(Address from, Span<byte> into);

    /// <summary>
    /// Replaces bytes of live text by ONE store. Expected and replacement have equal length (1..16), and lie in one cache line of 64 bytes.
    /// Refused when the text does not hold the expected bytes, or when this length at this place cannot be stored at once.
    /// </summary>
    Outcome<Done> StoreText(Address at, ReadOnlySpan<byte> expected, ReadOnlySpan<byte> replacement);

    /// <summary>Whether <see cref="StoreText"/> can change these bytes by one store on this machine.</summary>
    bool CanStoreAtOnce(Address at, int length);

    /// <summary>
    /// Whether something else changes this text, or knows an instruction of it by its address: then it is neither changed nor executed elsewhere.
    /// </summary>
    bool IsReserved(AddressRange text) => false;

    /// <summary>
    /// The right to change this target, held until disposed or until this process ends in whatever way. Refused (4011) when another one holds it.
    /// </summary>
    Outcome<IDisposable> TryLockForChange();

    /// <summary>Maps a region all of which can reach, and be reached from, all of <see cref="RegionRequest.MustReach"/> by a signed 32-bit displacement.</summary>
    Outcome<IRegion> MapRegion(RegionRequest request);

    /// <summary>Regions that this or an earlier KernOpt mapped and that are still there, lowest address first.</summary>
    Outcome<IReadOnlyList<IRegion>> FindRegions();

    /// <summary>Unmaps a region. The caller has proved that nothing points into it.</summary>
    Outcome<Done> UnmapRegion(IRegion region);

    /// <summary>
    /// Where <see cref="IStoneFile.Map"/> may put pages now: free, out of the way of what grows, and of a region of so many bytes for any module that may be mapped before. Whole
    /// pages, ascending; none where this target takes none.
    /// </summary>
    IReadOnlyList<AddressRange> ReadFreeSpace(ulong regionBytes);

    /// <summary>
    /// Makes a file of whole pages of code, which the target will execute wherever it is told to map one of them. Places: how many mappings are to be made of it.
    /// </summary>
    Outcome<IStoneFile> MakeStones(ReadOnlySpan<byte> pages, int places);

    /// <summary>Pages of the file of this number that the target has mapped, whoever told it to. Refused when the memory map cannot be read, which is not "none".</summary>
    Outcome<IReadOnlyList<AddressRange>> FindStones(ulong file);

    /// <summary>Unmaps all pages of that file, and nothing else. The caller has proved that no thread is in them, and nothing leads there.</summary>
    Outcome<Done> UnmapStones(ulong file);

    /// <summary>
    /// Proves that no thread executes in any of the ranges or will return to one, and that no other address space shares them.
    /// New entries must have been made impossible before. Answers the evidence; not proved is an answer, not an error.
    /// </summary>
    Outcome<Quiescence> ProveQuiescent(IReadOnlyList<AddressRange> ranges);

    /// <summary>Starts sampling the instruction pointers of all threads, also of those that start later.</summary>
    Outcome<ISampler> StartSampling(SamplingRequest request);

    /// <summary>
    /// The thread pointer (the base of fs, of gs in a kernel) of one thread, which is held for it: so that code that reads thread-local memory can be tried
    /// elsewhere.
    /// </summary>
    Outcome<Address> ReadThreadPointer();

    /// <summary>
    /// How many bytes above its thread pointer code of the target finds the number of the thread that runs it, 32 bits: threads are held for it. Refused where that is
    /// not kept there.
    /// </summary>
    Outcome<int> FindThreadNumberOffset();

    /// <summary>The numbers of all threads now, as they are told themselves (a process in a namespace of its own has others than we see).</summary>
    IReadOnlyList<int> ReadThreadNumbers();

    /// <summary>Whether a filter of system calls is in force for a thread of the target, or that cannot be told: calls that it does not make itself may then end it.</summary>
    bool HasSystemCallFilter => true;

    /// <summary>Why code of the target cannot read a hardware counter of this name, found by asking for it.</summary>
    Refusal WhyNotCounted(string counter) => Reasons.NoHardwareCounter.With(counter);

    /// <summary>What rdtsc answers now to code of the target, within a microsecond.</summary>
    ulong ReadTimeStamp();

    /// <summary>CPU time that all threads have used since the target started.</summary>
    TimeSpan CpuTime { get; }

    /// <summary>
    /// The longest time that any one thread was held by us since attach (borrowed or looked at): a figure to report, not a promise.
    /// </summary>
    TimeSpan LongestHold { get; }
}

/// <summary>What <see cref="ITarget.MapRegion"/> needs. Sizes are in bytes, multiples of 4,096; data comes first, code follows it.</summary>
public readonly record struct RegionRequest(AddressRange MustReach, ulong DataBytes, ulong CodeBytes);

/// <summary>
/// Memory in the target that is shared with us: [data: read and write for the target][code: read and execute for the target].
/// We may read and write all of it by plain loads and stores where <see cref="IsShared"/>, and through the target's memory otherwise.
/// Offsets are from <see cref="Range"/>.Start.
/// </summary>
public interface IRegion
{
    AddressRange Range { get; }
    ulong DataBytes { get; }
    bool IsShared { get; }

    /// <summary>To be asked before the code part is written; refused where this user may not write it.</summary>
    Outcome<Done> MakeWritable();

    ulong Load(ulong offset);

    /// <summary>One aligned 8-byte store.</summary>
    void Store(ulong offset, ulong value);

    void Read(ulong offset, Span<byte> into);
    void Write(ulong offset, ReadOnlySpan<byte> bytes);
}

/// <summary>
/// A file of stepping stones: code that jumps of a target come down on because the bytes around them leave no other choice, and that jumps on to a region. Nobody can write
/// it once it is made. Disposing ends what may be mapped of it; what is mapped stays.
/// </summary>
public interface IStoneFile : IDisposable
{
    /// <summary>Tells its pages from those of all other files for as long as one of them is mapped; not 0.</summary>
    ulong Number { get; }

    /// <summary>
    /// Maps pages of the file, by their numbers from 0, at pages that are free. In the order of the places: refused (4204) where anything is mapped there by then, for nothing is ever
    /// replaced. One that is refused does not keep the others from being mapped.
    /// </summary>
    IReadOnlyList<Outcome<Done>> Map(IReadOnlyList<(Address At, int Page)> places);

    /// <summary>One page.</summary>
    Outcome<Done> Map(Address at, int page) => Map([(at, page)])[0];
}

/// <summary>Whether the ranges are quiescent, and on what evidence. Held: how many threads had to be held, longest first.</summary>
public sealed record Quiescence(bool IsProved, string Evidence, int ThreadsSeen, int ThreadsHeld);

[Flags]
public enum Protection
{
    None = 0,
    Read = 1,
    Write = 2,
    Execute = 4,
}

/// <summary>One mapping of the address space. FileOffset is 0 for anonymous memory; Path is empty for it.</summary>
public sealed record Mapping(AddressRange Range, Protection Protection, ulong FileOffset, string Path, bool IsPrivate, ulong Device, ulong Inode);

/// <summary>
/// A program file as it is loaded. Name is the file's base name ("redis-server", "libc.so.6"); the file's own addresses plus LoadBias are live addresses.
/// File gives the whole file's bytes (of the very file that is mapped), DebugFile those of its separate debug file, or null.
/// </summary>
public sealed record TargetModule(string Name, string Path, Address LoadBias, AddressRange Range, IReadOnlyList<Mapping> Mappings, bool IsMainProgram,
    Func<Outcome<byte[]>> File, Func<byte[], byte[]?> DebugFileByBuildId)
{
    /// <summary>
    /// Instructions at which control may go other ways than the text shows: faults that are handled elsewhere in the function, and such that are switched between a jump and none.
    /// </summary>
    public IReadOnlySet<Address> HiddenExits { get; init; } = FrozenSet<Address>.Empty;

    /// <summary>
    /// There may be such instructions, traps that are gone on behind, and thunks that stand for a return: what the text alone shows is not all.
    /// </summary>
    public bool HidesWays { get; init; }
}

/// <summary>The address space at one moment. Mappings ascend by address.</summary>
public sealed record TargetMap(IReadOnlyList<Mapping> Mappings, IReadOnlyList<TargetModule> Modules)
{
    public Mapping? At(Address address)
    {
        int low = 0, high = Mappings.Count - 1;
        while (low <= high)
        {
            var middle = (low + high) / 2;
            var mapping = Mappings[middle];
            if (mapping.Range.Contains(address)) return mapping;
            if (address < mapping.Range.Start) high = middle - 1;
            else low = middle + 1;
        }
        return null;
    }
}

/// <summary>Hertz per thread that is on a processor, 1..20,000.</summary>
public readonly record struct SamplingRequest(int Hertz);

/// <summary>One sample: where a running thread was. Weight is the CPU time in nanoseconds that it stands for.</summary>
public readonly record struct Sample(Address Ip, int Thread, ulong TimeNanoseconds, ulong Weight);

public interface ISampler : IDisposable
{
    /// <summary>For people: "perf_event cpu-clock", "cycles", "ptrace".</summary>
    string Source { get; }

    /// <summary>Moves all samples since the last call into the list; answers how many were lost in between.</summary>
    long Drain(ICollection<Sample> into);

    /// <summary>CPU seconds that sampling itself has cost so far, ours and (estimated, stated in the source's doc) the target's.</summary>
    double CostSeconds { get; }
}
