using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Validate.Sandboxing;

internal enum FaultAnswer
{
    /// <summary>The page is there now: the instruction can be executed again.</summary>
    Resolved,
    /// <summary>The code did what would fault in the target, too.</summary>
    Genuine,
    /// <summary>The run, or the whole sandbox, has as many pages as it may have.</summary>
    TooMuch,
}

/// <summary>
/// The sandbox's address space, filled as the code under test asks for it. Every page is a slot of one memory file that both we and the sandbox map,
/// so its content is compared and restored by plain loads and stores. Pages are mapped read-only and opened at the first write: only opened pages can
/// have changed.
/// </summary>
internal sealed class SandboxMemory : IDisposable
{
    private const int Slots = 8192;
    private const int PagesPerRun = 1024;
    private readonly PageSource source;
    private readonly int file;
    private readonly long view;
    private readonly Dictionary<ulong, SandboxPage> pages = [];
    private readonly List<SandboxPage> open = [];
    private SandboxProcess? process;
    private int newInRun;

    private SandboxMemory(PageSource source, int file, long view)
    {
        this.source = source;
        this.file = file;
        this.view = view;
    }

    public int File => file;

    /// <summary>Every page that has been writable at some time.</summary>
    public IReadOnlyList<SandboxPage> Open => open;

    public static Outcome<SandboxMemory> Create(PageSource source)
    {
        var file = SystemCall.CreateMemoryFile("kernopt-sandbox-memory", MapFlags.MemoryFileCloseOnExec);
        if (file < 0) return Reasons.SandboxUnavailable.With($"memfd_create: {Errno.Describe(file)}");
        const ulong size = Slots * SandboxLayout.PageSize;
        var result = SystemCall.Truncate(file, size);
        var view = result < 0 ? result : SystemCall.Map(0, size, MapFlags.ProtectionRead | MapFlags.ProtectionWrite, MapFlags.Shared, file, 0);
        if (view < 0)
        {
            SystemCall.Close(file);
            return Reasons.SandboxUnavailable.With($"memory for the sandbox: {Errno.Describe(view)}");
        }
        return new SandboxMemory(source, file, view);
    }

    /// <summary>Gives the sandbox its code. Once, before the first run.</summary>
    public void Attach(SandboxProcess sandbox)
    {
        process = sandbox;
        foreach (var (address, content) in source.CodePages)
        {
            Add(address, content, mayWrite: false, MapFlags.ProtectionRead | MapFlags.ProtectionExecute);
        }
    }

    /// <summary>What the sandbox sees in a page now.</summary>
    public unsafe Span<byte> Current(SandboxPage page)
        // A slot lies within the mapping of Slots pages, which lives as long as this object.
        => new((byte*)view + ((ulong)page.Slot * SandboxLayout.PageSize), (int)SandboxLayout.PageSize);

    public SandboxPage? Find(ulong address) => pages.GetValueOrDefault(address & ~(SandboxLayout.PageSize - 1));

    /// <summary>Changes one byte of the code under test, for as long as it is not changed again; the baseline keeps what it was.</summary>
    public void PlaceCode(ulong address, byte value) => Current(Find(address)!)[(int)(address % SandboxLayout.PageSize)] = value;

    /// <summary>What the code under test holds there when nothing is placed over it.</summary>
    public byte CodeAt(ulong address) => Find(address)!.Baseline[(int)(address % SandboxLayout.PageSize)];

    /// <summary>Puts every page back to its baseline.</summary>
    public void Restore()
    {
        newInRun = 0;
        foreach (var page in open)
        {
            var current = Current(page);
            if (!current.SequenceEqual(page.Baseline)) page.Baseline.CopyTo(current);
        }
    }

    /// <summary>The code under test faulted at this address while it read or wrote. After Resolved the registers must be set anew.</summary>
    public FaultAnswer Resolve(ulong address)
    {
        if (Find(address) is not { } page) return Load(address, out _);
        if (page.IsOpen || !page.MayWrite) return FaultAnswer.Genuine;
        Unlock(page);
        return FaultAnswer.Resolved;
    }

    /// <summary>Whether memory may be written there, in the target's eyes and ours.</summary>
    public bool MayWrite(ulong address) => source.MayWrite(address);

    /// <summary>Writes for the run that is going on, as a callee would. All or nothing; false where the target may not write.</summary>
    public bool TryWrite(ulong address, ReadOnlySpan<byte> bytes)
    {
        var last = address + (ulong)bytes.Length - 1;
        if (last < address || !CanOpen(address) || !CanOpen(last)) return false;
        for (var i = 0; i < bytes.Length; i++)
        {
            var page = Find(address + (ulong)i)!;
            Current(page)[(int)(address + (ulong)i - page.Address)] = bytes[i];
        }
        return true;
    }

    /// <summary>The bytes there as the run that is going on sees them; false where nothing is or could be mapped.</summary>
    public bool TryRead(ulong address, Span<byte> into)
    {
        for (var i = 0; i < into.Length; i++)
        {
            var at = address + (ulong)i;
            var page = Find(at);
            if (page is null && Load(at, out page) != FaultAnswer.Resolved) return false;
            into[i] = Current(page!)[(int)(at - page!.Address)];
        }
        return true;
    }

    public void Dispose()
    {
        SystemCall.Unmap((ulong)view, Slots * SandboxLayout.PageSize);
        SystemCall.Close(file);
    }

    private bool CanOpen(ulong address)
    {
        if (!source.MayWrite(address)) return false;
        var page = Find(address);
        if (page is null && Load(address, out page) != FaultAnswer.Resolved) return false;
        if (!page!.IsOpen) Unlock(page);
        return true;
    }

    private FaultAnswer Load(ulong address, out SandboxPage? page)
    {
        page = null;
        var start = address & ~(SandboxLayout.PageSize - 1);
        if (pages.Count >= Slots || newInRun >= PagesPerRun) return FaultAnswer.TooMuch;
        if (source.Read(start, out var mayWrite) is not { } content) return FaultAnswer.Genuine;
        newInRun++;
        page = Add(start, content, mayWrite, MapFlags.ProtectionRead);
        return page is null ? FaultAnswer.Genuine : FaultAnswer.Resolved;
    }

    /// <summary>Null where the kernel maps nothing: the first pages and its own half.</summary>
    private SandboxPage? Add(ulong address, byte[] content, bool mayWrite, int protection)
    {
        const int fixedPlace = 0x10;
        var page = new SandboxPage(address, pages.Count, content, mayWrite);
        content.CopyTo(Current(page));
        var mapped = process!.Call(CallNumber.mmap, address, SandboxLayout.PageSize, (ulong)protection, MapFlags.Shared | fixedPlace,
            (ulong)process.MemoryDescriptor, (ulong)page.Slot * SandboxLayout.PageSize);
        if (mapped != (long)address) return null;
        pages.Add(address, page);
        return page;
    }

    private void Unlock(SandboxPage page)
    {
        const int readWrite = MapFlags.ProtectionRead | MapFlags.ProtectionWrite;
        var result = process!.Call(CallNumber.mprotect, page.Address, SandboxLayout.PageSize, readWrite);
        if (result < 0) throw new SandboxLostException($"mprotect: {Errno.Describe(result)}");
        page.IsOpen = true;
        open.Add(page);
    }
}
