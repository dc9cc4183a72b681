using KernOpt.Target;

namespace KernOpt.Validate.Sandboxing;

/// <summary>
/// Where the sandbox's own things lie: a window of 4 MiB that neither the target nor the version uses. Between the parts nothing is mapped.
/// </summary>
internal readonly record struct SandboxLayout(ulong Base)
{
    public const ulong PageSize = 4096;
    private const ulong WindowSize = 4 << 20;

    /// <summary>The sandbox's program: the only code of ours in it.</summary>
    public ulong Program => Base;

    /// <summary>Where runs return to. Never mapped: returning is a fault that ends the run.</summary>
    public ulong ReturnAddress => Base + 0x10_0000;

    public ulong Scratch => Base + 0x20_0000;
    public const ulong ScratchBytes = 16 * PageSize;

    /// <summary>Stands for a thread's own area when none is known: noise, but readable.</summary>
    public ulong ThreadArea => Scratch + (ScratchBytes / 2);

    public ulong Stack => Base + 0x30_0000;
    public const ulong StackBytes = 64 * PageSize;

    /// <summary>rsp at entry, where the return address lies: 16 n + 8, and 8 KiB of caller's stack above it (psABI 3.2.2).</summary>
    public ulong EntryStackPointer => Stack + StackBytes - (2 * PageSize) - 8;

    public bool IsStack(ulong address) => unchecked(address - Stack) < StackBytes;
    public bool IsScratch(ulong address) => unchecked(address - Scratch) < ScratchBytes;

    /// <summary>The first window that overlaps none of the ranges; the candidates lie where Linux places nothing by itself.</summary>
    public static SandboxLayout AwayFrom(IEnumerable<AddressRange> ranges)
    {
        var taken = ranges.ToArray();
        for (var at = 0x1a5e_0000_0000UL; at < 0x5000_0000_0000UL; at += 0x0111_0000_0000UL)
        {
            var window = new AddressRange(new Address(at), WindowSize);
            if (!Array.Exists(taken, r => r.Overlaps(window))) return new SandboxLayout(at);
        }
        throw new InvalidOperationException("fifty windows of an address space are all in use");
    }
}
