using System.Buffers.Binary;
using KernOpt.Target;

namespace KernOpt.Live.Regions;

/// <summary>
/// A table of equally long records in a region, each beginning with a state word that is 0 when the record is free. The body is written first and the
/// state word last, so that whoever reads at any instant finds whole records only.
/// </summary>
internal sealed class RecordTable(IRegion region, ulong start, int recordBytes, int capacity, int recordsPerChunk)
{
    private readonly Lock gate = new();
    private readonly SortedSet<int> holes = [];
    private int end = -1;

    private ulong OffsetOf(int slot) => start + (ulong)slot * (ulong)recordBytes;

    /// <summary>Calls visit with the slot and the bytes of every record whose state word is not 0.</summary>
    public void Visit(RecordVisitor visit)
    {
        lock (gate)
        {
            holes.Clear();
            end = 0;
            var chunk = new byte[recordsPerChunk * recordBytes];
            for (var first = 0; first < capacity; first += recordsPerChunk)
            {
                region.Read(OffsetOf(first), chunk);
                if (chunk.AsSpan().IndexOfAnyExcept((byte)0) < 0) return;
                for (var i = 0; i < recordsPerChunk; i++)
                {
                    var record = chunk.AsSpan(i * recordBytes, recordBytes);
                    if (BinaryPrimitives.ReadUInt64LittleEndian(record) == 0) holes.Add(first + i);
                    else visit(first + i, record);
                }
                end = first + recordsPerChunk;
            }
        }
    }

    /// <summary>Writes a record into a free slot and answers the slot; null when the table is full.</summary>
    public int? Add(ReadOnlySpan<byte> record)
    {
        lock (gate)
        {
            if (end < 0) Visit((_, _) => { });
            var slot = holes.Count > 0 ? holes.Min : end;
            if (slot >= capacity) return null;
            holes.Remove(slot);
            if (slot == end) end++;
            Write(slot, record);
            return slot;
        }
    }

    /// <summary>Replaces a record whose slot is in use. Between the two stores of the state word the record is free.</summary>
    public void Write(int slot, ReadOnlySpan<byte> record)
    {
        region.Store(OffsetOf(slot), 0);
        region.Write(OffsetOf(slot) + 8, record[8..recordBytes]);
        region.Store(OffsetOf(slot), BinaryPrimitives.ReadUInt64LittleEndian(record));
    }

    /// <summary>Changes the lowest byte of the state word, by one store.</summary>
    public void Mark(int slot, byte state) => region.Store(OffsetOf(slot), region.Load(OffsetOf(slot)) & ~0xFFUL | state);

    public void Free(int slot)
    {
        lock (gate)
        {
            region.Store(OffsetOf(slot), 0);
            holes.Add(slot);
        }
    }
}

internal delegate void RecordVisitor(int slot, ReadOnlySpan<byte> record);
