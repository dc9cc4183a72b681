using System.Buffers.Binary;
using KernOpt.Linux.Memory;
using KernOpt.Linux.Native;
using KernOpt.Linux.Threads;
using KernOpt.Target;

namespace KernOpt.Linux.Regions;

/// <summary>
/// A region that an earlier run mapped and whose memory file this user may not open: it is reached through the target's memory. An aligned word is still one
/// store (adr/0003-one-store.md). The code part cannot be written where it is, since the kernel writes no shared page that the target itself may not write; so
/// <see cref="MakeWritable"/> has the target map it a second time, readable and writable, until this is disposed (mremap(2) with an old size of 0):
/// <code>
///     window = mremap(code, 0, length, MREMAP_MAYMOVE)
///     mprotect(window, length, PROT_READ | PROT_WRITE)
/// </code>
/// What a kill leaves of it is a part of a region without the rest, which <see cref="Leftovers"/> removes. Writes to a target that has exited go nowhere.
/// </summary>
internal sealed class RemoteRegion(AddressRange range, ulong dataBytes, TargetMemory memory, RemoteCalls calls) : IRegion, IDisposable
{
    private const ulong MayMove = 1;

    private Address? window;

    public AddressRange Range => range;

    public ulong DataBytes => dataBytes;

    public bool IsShared => false;

    private ulong CodeBytes => range.Length - dataBytes;

    public Outcome<Done> MakeWritable()
    {
        if (window is not null) return Done.It;
        if (!calls.Call(new(CallNumber.mremap, (range.Start + dataBytes).Value, 0, CodeBytes, MayMove)).Try(out var start, out var why)) return why;
        if (!calls.Call(new(CallNumber.mprotect, start, CodeBytes, MapFlags.ProtectionRead | MapFlags.ProtectionWrite)).Try(out _, out why))
        {
            calls.Call(new(CallNumber.munmap, start, CodeBytes));
            return why;
        }
        window = new Address(start);
        return Done.It;
    }

    public ulong Load(ulong offset)
    {
        Span<byte> word = stackalloc byte[8];
        Read(offset, word);
        return BinaryPrimitives.ReadUInt64LittleEndian(word);
    }

    public void Store(ulong offset, ulong value)
    {
        if (offset % 8 != 0) throw new ArgumentException("a store is to an aligned word", nameof(offset));
        Span<byte> word = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(word, value);
        Write(offset, word);
    }

    /// <summary>What cannot be read any more is 0.</summary>
    public void Read(ulong offset, Span<byte> into)
    {
        Check(offset, into.Length);
        into[memory.Read(range.Start + offset, into)..].Clear();
    }

    public void Write(ulong offset, ReadOnlySpan<byte> bytes)
    {
        Check(offset, bytes.Length);
        var at = offset < dataBytes ? range.Start + offset : window is { } open ? open + (offset - dataBytes)
            : throw new InvalidOperationException($"the code of the region at {range} was not made writable");
        if (!memory.Write(at, bytes) && memory.IsAlive) throw new InvalidOperationException($"the region at {range} cannot be written at offset {offset}");
    }

    public void Dispose()
    {
        if (window is { } open) calls.Call(new(CallNumber.munmap, open.Value, CodeBytes));
        window = null;
    }

    private void Check(ulong offset, int length)
    {
        if ((ulong)length > range.Length || offset > range.Length - (ulong)length) throw new ArgumentOutOfRangeException(nameof(offset), offset, "outside the region");
    }
}
