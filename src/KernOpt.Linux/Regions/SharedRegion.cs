using KernOpt.Linux.Native;
using KernOpt.Target;

namespace KernOpt.Linux.Regions;

/// <summary>A region whose memory is mapped here too, all of it for reading and writing.</summary>
internal sealed unsafe class SharedRegion : IRegion, IDisposable
{
    private byte* start;

    private SharedRegion(AddressRange range, ulong dataBytes, byte* start)
    {
        Range = range;
        DataBytes = dataBytes;
        this.start = start;
    }

    public AddressRange Range { get; }

    public ulong DataBytes { get; }

    public bool IsShared => true;

    public Outcome<Done> MakeWritable() => Done.It;

    /// <summary>Maps the file, which must be as long as the range and sealed at that. It may be closed afterwards.</summary>
    public static Outcome<SharedRegion> Open(OwnFile file, AddressRange range, ulong dataBytes)
    {
        if (!file.IsSealedAt(range.Length)) return Reasons.NoMemoryFilePermission.With($"what is mapped at {range.Start} is no memory file of that length");
        return Open(file.Descriptor, 0, range, dataBytes, Reasons.NoMemoryFilePermission);
    }

    /// <summary>Maps range.Length bytes of what the descriptor stands for, from an offset; refused with the given reason where the kernel does not.</summary>
    public static Outcome<SharedRegion> Open(int descriptor, ulong offset, AddressRange range, ulong dataBytes, Reason failure)
    {
        var address = SystemCall.Map(0, range.Length, MapFlags.ProtectionRead | MapFlags.ProtectionWrite, MapFlags.Shared, descriptor, offset);
        if (address is < 0 and > -4096) return failure.With(Errno.Describe(address));
        return new SharedRegion(range, dataBytes, (byte*)address);
    }

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
