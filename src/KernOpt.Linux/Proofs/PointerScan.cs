using System.Runtime.InteropServices;
using KernOpt.Linux.Memory;
using KernOpt.Target;

namespace KernOpt.Linux.Proofs;

/// <summary>Looks for aligned 8-byte words that point into any of some ranges: conservatively, a number that looks like one is one.</summary>
internal sealed class PointerScan
{
    private const int Chunk = 256 * 1024;
    private const int PageBits = 20;
    private const ulong Mask = (1 << (PageBits - 6)) - 1;

    private readonly TargetMemory memory;

    /// <summary>Disjoint, ascending. There may be thousands, all around what the program's own pointers point to.</summary>
    private readonly ulong[] starts, ends;
    private readonly ulong lowest, span;

    /// <summary>One bit for all pages of 4 KiB whose numbers end in the same 20 bits: whether a range lies on one of them. Most words that are near the ranges are told by it.</summary>
    private readonly ulong[] pages = new ulong[1 << (PageBits - 6)];

    /// <summary>One for all scans, since some are made while a thread is held. So a scan is for one thread at a time.</summary>
    private readonly byte[] buffer = GC.AllocateArray<byte>(Chunk);

    public PointerScan(TargetMemory memory, IReadOnlyList<AddressRange> ranges)
    {
        this.memory = memory;
        (starts, ends) = Disjoint(ranges);
        lowest = starts[0];
        span = ends[^1] - lowest;
        for (var i = 0; i < starts.Length; i++)
        {
            var (first, last) = (starts[i] >> 12, (ends[i] - 1) >> 12);
            if (last - first >= 1 << PageBits) Array.Fill(pages, ulong.MaxValue);
            else for (var page = first; page <= last; page++) pages[(page >> 6) & Mask] |= 1UL << (int)(page & 63);
        }
    }

    public bool Hits(ulong word)
    {
        if (word - lowest >= span || (pages[(word >> 18) & Mask] >> (int)((word >> 12) & 63) & 1) == 0) return false;
        var at = Array.BinarySearch(starts, word);
        if (at < 0) at = ~at - 1;
        return word < ends[at];
    }

    /// <summary>Where the first such word lies in [from, to), or null. Pages that cannot be read hold none.</summary>
    public Address? Find(Address from, Address to)
    {
        for (var at = from.AlignUp(8); at < to;)
        {
            var wanted = (int)Math.Min(Chunk, to.Value - at.Value);
            var length = memory.Read(at, buffer.AsSpan(0, wanted));
            var words = MemoryMarshal.Cast<byte, ulong>(buffer.AsSpan(0, length));
            for (var i = 0; i < words.Length; i++)
            {
                if (words[i] - lowest < span && Hits(words[i])) return at + (i * 8);
            }
            at = length == wanted ? at + wanted : (at + length + 1).AlignUp(4096);
        }
        return null;
    }

    private static (ulong[] Starts, ulong[] Ends) Disjoint(IReadOnlyList<AddressRange> ranges)
    {
        var (starts, ends) = (new List<ulong>(), new List<ulong>());
        foreach (var range in ranges.OrderBy(r => r.Start))
        {
            if (ends.Count > 0 && range.Start.Value <= ends[^1])
            {
                ends[^1] = Math.Max(ends[^1], range.End.Value);
                continue;
            }
            starts.Add(range.Start.Value);
            ends.Add(range.End.Value);
        }
        return ([.. starts], [.. ends]);
    }
}
