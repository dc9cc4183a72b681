using KernOpt.Target;

namespace KernOpt.Live.Regions;

/// <summary>A piece of a region: its offset from the region's start, and its length, in bytes.</summary>
public readonly record struct Piece(ulong Offset, ulong Length)
{
    public ulong End => Offset + Length;
}

/// <summary>
/// First-fit allocation out of one part of a region. What is in use is never stored: it is what the entries name. So a kernopt that is killed
/// between any two steps leaks nothing, and there is nothing to repair. Written for thousands of pieces, not millions.
/// </summary>
internal sealed class Heap
{
    private readonly ulong start;
    private readonly ulong end;
    private readonly SortedList<ulong, ulong> used = [];

    public Heap(ulong start, ulong end, IEnumerable<Piece> inUse)
    {
        this.start = start;
        this.end = end;
        foreach (var piece in inUse)
        {
            if (piece.Length == 0) continue;
            used[piece.Offset] = Math.Max(piece.Length, used.GetValueOrDefault(piece.Offset));
        }
    }

    public bool IsEmpty => used.Count == 0;

    public ulong BytesInUse
    {
        get
        {
            var sum = 0UL;
            foreach (var length in used.Values) sum += length;
            return sum;
        }
    }

    /// <summary>Takes the first free place of this length, in bytes. Alignment is a power of two.</summary>
    public Outcome<Piece> Take(ulong length, ulong alignment)
    {
        var candidate = AlignUp(start, alignment);
        foreach (var (offset, bytes) in used)
        {
            if (offset + bytes <= candidate) continue;
            if (offset >= candidate && offset - candidate >= length) break;
            candidate = AlignUp(offset + bytes, alignment);
        }
        if (candidate > end || end - candidate < length) return Reasons.RegionFull.With($"no {length} bytes in a row of {end - start}");
        used.Add(candidate, length);
        return new Piece(candidate, length);
    }

    public void Release(Piece piece) => used.Remove(piece.Offset);

    private static ulong AlignUp(ulong value, ulong alignment) => (value + alignment - 1) & ~(alignment - 1);
}
