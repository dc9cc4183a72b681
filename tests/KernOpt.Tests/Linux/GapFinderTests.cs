using KernOpt.Linux.Regions;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Linux;

/// <summary>Every place that is offered must be free, in reach, and out of the way of the heap and the stack.</summary>
public sealed class GapFinderTests
{
    private const ulong Length = 2 << 20;
    private static readonly AddressRange Program = Range(0x5555_5555_4000, 0x5555_5570_0000);

    [Fact]
    public void Places_AreFree_InReach_AndClearOfTheProgramBreak()
    {
        var heap = Range(0x5555_5580_0000, 0x5555_5590_0000);
        var places = GapFinder.Find(Map((Program, ""), (heap, "[heap]"), (Range(0x7fff_0000_0000, 0x7fff_0010_0000), "[stack]")), Program, Length, heap.Start);
        Assert.NotEmpty(places);
        foreach (var place in places)
        {
            Assert.Equal(0UL, place.Value % 4096);
            Assert.True(place.Value + Length <= Program.Start.Value || place.Value >= heap.End.Value + (512UL << 20), $"{place} is in the way");
            Assert.InRange(place - Program.End, int.MinValue, int.MaxValue);
            Assert.InRange(place + Length - Program.Start, int.MinValue, int.MaxValue);
        }
    }

    [Fact]
    public void FullSurroundings_HaveNoPlace()
    {
        var wall = Range(0x5554_0000_0000, 0x5555_5555_4000);
        var other = Range(0x5555_5570_0000, 0x5556_0000_0000);
        Assert.Empty(GapFinder.Find(Map((wall, ""), (Program, ""), (other, "")), Program, Length, Address.Zero));
    }

    [Fact]
    public void Stack_IsLeftRoomToGrow()
    {
        var library = Range(0x7fff_f000_0000, 0x7fff_f010_0000);
        var stack = Range(0x7fff_f800_0000, 0x7fff_f810_0000);
        var places = GapFinder.Find(Map((library, ""), (stack, "[stack]")), library, Length, Address.Zero);
        Assert.NotEmpty(places);
        Assert.DoesNotContain(places, p => p.Value + Length > stack.Start.Value - (128UL << 20) && p < stack.End);
    }

    /// <summary>Behind a region there is room for the next, however many small pages lie in all the rest.</summary>
    [Fact]
    public void BesideARegion_IsTheNextOne()
    {
        const ulong apart = 0x1_0000, pages = 0x10_0000;
        var region = new AddressRange(new(0x5555_6000_0000), 2 * Length);
        var beside = new AddressRange(region.End, Length + (2 * apart));
        var scattered = Enumerable.Range(0, 0x2000).Select(i => new AddressRange(new Address(0x5554_5000_0000 + ((ulong)i * pages)), 4096)).Where(r => !r.Overlaps(Program) && !r.Overlaps(region)).ToList();
        Assert.Equal(region.End + apart, Find(scattered.Where(r => !r.Overlaps(beside)))[0]);
        Assert.Empty(Find(scattered));

        IReadOnlyList<Address> Find(IEnumerable<AddressRange> others) => GapFinder.Find(new([.. others.Append(Program).Select(r => new Mapping(r, Protection.Read, 0, "", true, 0, 0))
            .Append(new(new(region.Start, Length), Protection.Read | Protection.Write, 0, RegionMaps.Path, false, 0, 1))
            .Append(new(new(region.Start + Length, Length), Protection.Read | Protection.Execute, Length, RegionMaps.Path, false, 0, 1)).OrderBy(m => m.Range.Start)], []), Program, Length, Address.Zero);
    }

    private static AddressRange Range(ulong start, ulong end) => AddressRange.Between(new(start), new(end));

    private static TargetMap Map(params (AddressRange Range, string Path)[] mappings) =>
        new([.. mappings.Select(m => new Mapping(m.Range, Protection.Read, 0, m.Path, true, 0, 0))], []);
}
