using KernOpt.Target;

namespace KernOpt.Live.Regions;

/// <summary>The changes of one region by where they are, so that what concerns some text is found at once, however many there are.</summary>
internal sealed class ChangeIndex
{
    /// <summary>In bits: no change concerns more text than one block has bytes.</summary>
    private const int BlockBits = 5;

    private readonly Dictionary<ulong, List<int>> slots = [];

    public void Add(LoggedChange change)
    {
        var block = BlockOf(change.Record.At);
        if (!slots.TryGetValue(block, out var of)) slots[block] = of = [];
        of.Add(change.Slot);
    }

    public void Remove(LoggedChange change)
    {
        var block = BlockOf(change.Record.At);
        if (!slots.TryGetValue(block, out var of) || !of.Remove(change.Slot)) return;
        if (of.Count == 0) slots.Remove(block);
    }

    /// <summary>The slots of all changes that begin in the range or less than a block before it: whoever asks looks at each.</summary>
    public IEnumerable<int> Near(AddressRange range)
    {
        var last = (range.End.Value - 1) >> BlockBits;
        for (var block = Math.Max(BlockOf(range.Start), 1) - 1; block <= last; block++)
        {
            if (!slots.TryGetValue(block, out var of)) continue;
            foreach (var slot in of) yield return slot;
        }
    }

    private static ulong BlockOf(Address at) => at.Value >> BlockBits;
}
