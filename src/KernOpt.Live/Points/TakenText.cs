using KernOpt.Target;

namespace KernOpt.Live.Points;

/// <summary>Ranges of text that are changed, or are to be, or that the target reserves: no other placement may use them.</summary>
internal sealed class TakenText
{
    /// <summary>Disjoint, by start; the value is the end.</summary>
    private readonly SortedList<Address, Address> ranges = [];

    private readonly TakenText? under;
    private readonly Func<AddressRange, bool>? isReserved;

    /// <param name="taken">In any order; they may overlap.</param>
    /// <param name="isReserved"><see cref="ITarget.IsReserved"/>.</param>
    public TakenText(IEnumerable<AddressRange> taken, Func<AddressRange, bool>? isReserved = null)
    {
        this.isReserved = isReserved;
        foreach (var range in taken) Add(range);
    }

    /// <summary>What the other says, and more that only this one knows.</summary>
    public TakenText(TakenText under) => this.under = under;

    /// <summary>A range without bytes takes nothing.</summary>
    public void Add(AddressRange range)
    {
        if (range.Length == 0) return;
        var (start, end) = (range.Start, range.End);
        for (var i = FirstThatEndsAfter(start); i < ranges.Count && ranges.GetKeyAtIndex(i) < end;)
        {
            if (ranges.GetKeyAtIndex(i) < start) start = ranges.GetKeyAtIndex(i);
            if (ranges.GetValueAtIndex(i) > end) end = ranges.GetValueAtIndex(i);
            ranges.RemoveAt(i);
        }
        ranges.Add(start, end);
    }

    public bool Overlaps(AddressRange range)
    {
        var i = FirstThatEndsAfter(range.Start);
        return (i < ranges.Count && ranges.GetKeyAtIndex(i) < range.End) || under?.Overlaps(range) == true || isReserved?.Invoke(range) == true;
    }

    private int FirstThatEndsAfter(Address address)
    {
        int low = 0, high = ranges.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (ranges.GetValueAtIndex(middle) <= address) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
