using KernOpt.Target;

namespace KernOpt.Live.Points;

/// <summary>Ranges of text that are changed, or are to be: no other placement may use them.</summary>
internal sealed class TakenText
{
    /// <summary>Disjoint, by start; the value is the end.</summary>
    private readonly SortedList<Address, Address> ranges = [];

    public TakenText(IEnumerable<AddressRange> taken)
    {
        foreach (var range in taken) Add(range);
    }

    public void Add(AddressRange range)
    {
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
        return i < ranges.Count && ranges.GetKeyAtIndex(i) < range.End;
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
