using KernOpt.Target;

namespace KernOpt.Live.Points.Punning;

/// <summary>
/// Where stepping stones can lie: on pages that are free, or beside others of the same plan. A stone lies on one page as a whole, and stones do not overlap. As few pages as
/// can be are used: each is a mapping of the target.
/// </summary>
internal sealed class StoneRoom(IReadOnlyList<AddressRange> free)
{
    /// <summary>A stone: notrack jmp [rip+0], and the word behind it that says where to.</summary>
    public const int StoneBytes = 15;

    public const ulong PageBytes = 4096;

    /// <summary>By page the offsets of the stones that are planned on it.</summary>
    private readonly SortedList<Address, SortedSet<int>> pages = [];

    /// <summary>The target takes none anywhere.</summary>
    public bool IsEmpty => free.Count == 0;

    /// <summary>A place for a stone that begins at one of so many addresses in a row; null where there is none.</summary>
    public Address? Find(Address first, ulong count)
    {
        // What lies outside of the address space wraps around.
        if (first + count < first) return null;
        return OnPlannedPage(first, first + count) ?? OnFreePage(first, first + count);
    }

    /// <summary>A place for a stone in a range whose distance from an address is a multiple of a power of two; null where there is none.</summary>
    public Address? FindEvery(AddressRange range, Address from, ulong step)
    {
        // All of them lie at the same place of their pages.
        if (step >= PageBytes && from.Value % PageBytes + StoneBytes > PageBytes) return null;
        for (var i = FirstPageFrom(range.Start.AlignDown(PageBytes)); i < pages.Count && pages.GetKeyAtIndex(i) < range.End; i++)
        {
            var page = pages.GetKeyAtIndex(i);
            for (var stone = NextFrom(page, from, step); stone < page + PageBytes; stone += step)
            {
                if (range.Contains(stone) && OnPage(page, pages.GetValueAtIndex(i), stone, stone + 1) is not null) return stone;
            }
        }
        for (var i = FirstFreeThatEndsAfter(range.Start); i < free.Count && free[i].Start < range.End; i++)
        {
            var end = free[i].End < range.End ? free[i].End : range.End;
            for (var stone = NextFrom(free[i].Start > range.Start ? free[i].Start : range.Start, from, step); stone < end; stone += step)
            {
                if (OnFreePage(stone, stone + 1) is not null) return stone;
            }
        }
        return null;
    }

    /// <summary>The lowest that is not below the address.</summary>
    private static Address NextFrom(Address address, Address from, ulong step) => address + (unchecked(from.Value - address.Value) & (step - 1));

    public void Take(Address stone)
    {
        var page = stone.AlignDown(PageBytes);
        if (!pages.TryGetValue(page, out var stones)) pages[page] = stones = [];
        stones.Add((int)(stone - page));
    }

    /// <summary>The stone is not wanted after all.</summary>
    public void GiveBack(Address stone)
    {
        var page = stone.AlignDown(PageBytes);
        var stones = pages[page];
        stones.Remove((int)(stone - page));
        if (stones.Count == 0) pages.Remove(page);
    }

    private Address? OnPlannedPage(Address first, Address end)
    {
        for (var i = FirstPageFrom(first.AlignDown(PageBytes)); i < pages.Count && pages.GetKeyAtIndex(i) < end; i++)
        {
            if (OnPage(pages.GetKeyAtIndex(i), pages.GetValueAtIndex(i), first, end) is { } stone) return stone;
        }
        return null;
    }

    /// <summary>The first free place behind, before or between the page's stones.</summary>
    private static Address? OnPage(Address page, SortedSet<int> stones, Address first, Address end)
    {
        var offset = first > page ? (int)(first - page) : 0;
        foreach (var other in stones)
        {
            if (offset + StoneBytes <= other) break;
            offset = Math.Max(offset, other + StoneBytes);
        }
        return offset + StoneBytes <= (int)PageBytes && page + offset < end ? page + offset : null;
    }

    private Address? OnFreePage(Address first, Address end)
    {
        for (var i = FirstFreeThatEndsAfter(first); i < free.Count && free[i].Start < end; i++)
        {
            var stone = first > free[i].Start ? first : free[i].Start;
            for (; stone < end && stone + StoneBytes <= free[i].End; stone = stone.AlignDown(PageBytes) + PageBytes)
            {
                // It would reach into the next page, or the page was looked at before.
                if (stone.Value % PageBytes + StoneBytes > PageBytes || pages.ContainsKey(stone.AlignDown(PageBytes))) continue;
                return stone;
            }
        }
        return null;
    }

    private int FirstPageFrom(Address page)
    {
        int low = 0, high = pages.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (pages.GetKeyAtIndex(middle) < page) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    private int FirstFreeThatEndsAfter(Address address)
    {
        int low = 0, high = free.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (free[middle].End <= address) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
