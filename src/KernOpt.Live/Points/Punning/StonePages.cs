using System.Buffers.Binary;
using KernOpt.Target;

namespace KernOpt.Live.Points.Punning;

/// <summary>
/// The pages that stepping stones lie on, and the pages of a file that are mapped there. A stone means the same wherever it is mapped, since it jumps to an absolute address:
/// <code>
///     notrack jmp [rip+0]
///     .quad stub
/// </code>
/// so that one page of the file, that is of memory, serves all pages of the target whose stones lie at other offsets. All else of it is int3.
/// </summary>
internal sealed class StonePages
{
    private const int PageBytes = (int)StoneRoom.PageBytes;

    private static ReadOnlySpan<byte> Jump => [0x3E, 0xFF, 0x25, 0, 0, 0, 0];

    private readonly List<byte[]> pages = [];
    private readonly List<SortedSet<int>> offsets = [];
    private readonly List<(Address At, int Page)> places = [];

    /// <param name="stones">Each with where it leads to; no two overlap, none crosses a page.</param>
    public StonePages(IEnumerable<(Address Stone, Address Stub)> stones)
    {
        foreach (var page in stones.GroupBy(s => s.Stone.AlignDown(StoneRoom.PageBytes)).OrderBy(g => g.Key))
        {
            var wanted = page.Select(s => (Offset: (int)(s.Stone - page.Key), s.Stub)).ToList();
            var number = PageFor([.. wanted.Select(w => w.Offset)]);
            foreach (var (offset, stub) in wanted) Put(number, offset, stub);
            places.Add((page.Key, number));
        }
    }

    /// <summary>Where which page of the file goes.</summary>
    public IReadOnlyList<(Address At, int Page)> Places => places;

    /// <summary>The whole file.</summary>
    public byte[] Bytes => [.. pages.SelectMany(p => p)];

    /// <summary>
    /// Where a thread may be in a page that is mapped at an address, by what the page holds: before a stone's jump, for it is one instruction and calls nothing. A number in memory that means something
    /// else seldom looks like one of these, and often like an address of the page.
    /// </summary>
    public static IEnumerable<AddressRange> Jumps(Address page, byte[] bytes)
    {
        for (var at = 0; bytes.AsSpan(at).IndexOf(Jump) is >= 0 and var next; at += next + 1) yield return new AddressRange(page + (ulong)(at + next), 1);
    }

    private int PageFor(List<int> wanted)
    {
        for (var i = 0; i < pages.Count; i++)
        {
            if (wanted.TrueForAll(w => IsFree(offsets[i], w))) return i;
        }
        var page = new byte[PageBytes];
        page.AsSpan().Fill(0xCC);
        pages.Add(page);
        offsets.Add([]);
        return pages.Count - 1;
    }

    private static bool IsFree(SortedSet<int> stones, int offset) =>
        stones.GetViewBetween(offset - StoneRoom.StoneBytes + 1, offset + StoneRoom.StoneBytes - 1).Count == 0;

    private void Put(int page, int offset, Address stub)
    {
        var place = pages[page].AsSpan(offset, StoneRoom.StoneBytes);
        Jump.CopyTo(place);
        BinaryPrimitives.WriteUInt64LittleEndian(place[Jump.Length..], stub.Value);
        offsets[page].Add(offset);
    }
}
