using System.Buffers.Binary;
using KernOpt.Linux.Memory;
using KernOpt.Target;

namespace KernOpt.Linux.Regions;

/// <summary>
/// A region that an earlier run mapped and whose memory file this user may not open: it is reached through the target's memory. An aligned word is still one
/// store (adr/0003-one-store.md). The code part can only be read: the kernel writes no shared page that the target itself may not write. To write it, or
/// anything after the target has exited, is a bug of the caller and throws.
/// </summary>
internal sealed class RemoteRegion(AddressRange range, ulong dataBytes, TargetMemory memory) : IRegion
{
    public AddressRange Range => range;

    public ulong DataBytes => dataBytes;

    public bool IsShared => false;

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
        if (!memory.Write(range.Start + offset, bytes)) throw new InvalidOperationException($"the region at {range} cannot be written at offset {offset}");
    }

    private void Check(ulong offset, int length)
    {
        if ((ulong)length > range.Length || offset > range.Length - (ulong)length) throw new ArgumentOutOfRangeException(nameof(offset), offset, "outside the region");
    }
}
