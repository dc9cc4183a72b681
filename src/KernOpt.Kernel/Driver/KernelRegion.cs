using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Kernel.Driver;

/// <summary>A region of the kernel, mapped here too: all of it for reading and writing.</summary>
internal sealed unsafe class KernelRegion : IRegion, IDisposable
{
    private byte* start;

    private KernelRegion(RegionRecord record, byte* start)
    {
        Range = new AddressRange(new Address(record.At), record.DataBytes + record.CodeBytes);
        DataBytes = record.DataBytes;
        this.start = start;
    }

    public AddressRange Range { get; }

    public ulong DataBytes { get; }

    public bool IsShared => true;

    public static Outcome<KernelRegion> Open(DriverFile driver, RegionRecord record)
    {
        var address = driver.Map(record);
        return address is < 0 and > -4096 ? Reasons.KernelCallFailed.With($"mmap: {Errno.Describe(address)}") : new KernelRegion(record, (byte*)address);
    }

    public Outcome<Done> MakeWritable() => Done.It;

    public ulong Load(ulong offset) => Volatile.Read(ref *(ulong*)Place(offset, 8));

    public void Store(ulong offset, ulong value)
    {
        if (offset % 8 != 0) throw new ArgumentException("a store is to an aligned word", nameof(offset));
        Volatile.Write(ref *(ulong*)Place(offset, 8), value);
    }

    public void Read(ulong offset, Span<byte> into) => new ReadOnlySpan<byte>(Place(offset, (ulong)into.Length), into.Length).CopyTo(into);

    public void Write(ulong offset, ReadOnlySpan<byte> bytes) => bytes.CopyTo(new(Place(offset, (ulong)bytes.Length), bytes.Length));

    public void Dispose()
    {
        if (start == null) return;
        SystemCall.Unmap((ulong)start, Range.Length);
        start = null;
    }

    /// <summary>The bytes [offset, offset+length) lie inside our mapping of Range.Length bytes, or this throws.</summary>
    private byte* Place(ulong offset, ulong length)
    {
        ObjectDisposedException.ThrowIf(start == null, this);
        if (length > Range.Length || offset > Range.Length - length) throw new ArgumentOutOfRangeException(nameof(offset), offset, "outside the region");
        return start + offset;
    }
}
