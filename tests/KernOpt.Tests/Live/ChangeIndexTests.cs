using KernOpt.Live.Regions;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live;

/// <summary>What is found by the index is what a look at all changes finds.</summary>
public sealed class ChangeIndexTests
{
    [Fact]
    public void Near_FindsAllThatOverlap_AsALookAtEachDoes()
    {
        var random = new Random(5);
        var index = new ChangeIndex();
        var all = new Dictionary<int, LoggedChange>();
        for (var step = 0; step < 4000; step++)
        {
            if (random.Next(3) == 0 && all.Count > 0)
            {
                var gone = all.Values.ElementAt(random.Next(all.Count));
                index.Remove(gone);
                all.Remove(gone.Slot);
            }
            else
            {
                all[step] = new LoggedChange(step, UndoState.Done, Record(random));
                index.Add(all[step]);
            }
            var text = new AddressRange(new Address((ulong)random.Next(4000)), (ulong)random.Next(1, 80));
            var found = index.Near(text).Where(s => all[s].Record.Extent.Overlaps(text)).Order();
            Assert.Equal(all.Values.Where(c => c.Record.Extent.Overlaps(text)).Select(c => c.Slot).Order(), found);
        }
    }

    /// <summary>The longest there is: fifteen prefixes before the opcode of a jump.</summary>
    [Fact]
    public void LongestExtent_IsFoundByItsLastByte()
    {
        byte[] patched = [.. Enumerable.Repeat((byte)0x2E, 15), 0xE9];
        for (var at = 0UL; at < 64; at++)
        {
            var change = new LoggedChange(1, UndoState.Done, new UndoRecord(ChangeKind.Point, new Address(at), [.. new byte[16]], [.. patched], 1, 1));
            var index = new ChangeIndex();
            index.Add(change);
            Assert.Equal([1], index.Near(new AddressRange(change.Record.Extent.End - 1, 1)));
        }
    }

    private static UndoRecord Record(Random random)
    {
        var length = random.Next(1, 17);
        var patched = new byte[length];
        random.NextBytes(patched);
        if (random.Next(2) == 0) patched[0] = 0xE9;
        return new UndoRecord(ChangeKind.Point, new Address((ulong)random.Next(4000)), [.. new byte[length]], [.. patched], 1, 1);
    }
}
