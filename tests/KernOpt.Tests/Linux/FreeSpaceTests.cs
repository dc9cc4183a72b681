using KernOpt.Linux.Regions;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Linux;

/// <summary>Pages at addresses that the text decides about must not be in the way of what the program expects to have for itself.</summary>
public sealed class FreeSpaceTests
{
    private const ulong MiB = 1 << 20;
    private static readonly AddressRange Program = Range(0x5555_5555_4000, 0x5555_5570_0000);

    [Fact]
    public void FreePages_AreApartFromWhatIsMapped()
    {
        var free = Of((Program, "", Protection.Execute));
        Assert.Equal([Range(MiB, Program.Start.Value - 0x1_0000), Range(Program.End.Value + 0x1_0000, 0x7fff_ffff_f000)], free);
    }

    [Fact]
    public void Heap_MayGrow()
    {
        var heap = Range(0x5555_5580_0000, 0x5555_5590_0000);
        var free = FreeSpace.Of(Map((Program, "", Protection.Execute), (heap, "[heap]", Protection.Write)), heap.Start, 0, 0);
        Assert.DoesNotContain(free, f => f.Start.Value < heap.End.Value + 512 * MiB && f.End > heap.Start);
        Assert.Contains(free, f => f.Contains(heap.End + 513 * MiB));
    }

    /// <summary>A mapping that may be a stack which grows: nothing lies right below it. One with a neighbour cannot grow.</summary>
    [Fact]
    public void WritableMemoryWithNothingBelow_MayGrowDown()
    {
        var stack = Range(0x7000_0000_0000, 0x7000_0010_0000);
        var free = Of((stack, "", Protection.Read | Protection.Write));
        Assert.DoesNotContain(free, f => f.End.Value > stack.Start.Value - 9 * MiB && f.Start < stack.End);
        Assert.Contains(free, f => f.Contains(new Address(stack.Start.Value - 9 * MiB - 1)));
        var guard = Range(0x6fff_fff0_0000, 0x7000_0000_0000);
        Assert.Contains(Of((guard, "", Protection.None), (stack, "", Protection.Read | Protection.Write)), f => f.End == new Address(guard.Start.Value - 0x1_0000));
    }

    [Fact]
    public void MainStack_HasItsRoom()
    {
        var stack = Range(0x7fff_0000_0000, 0x7fff_0010_0000);
        Assert.DoesNotContain(Of((stack, "[stack]", Protection.Write)), f => f.End.Value > stack.Start.Value - 128 * MiB && f.Start < stack.End);
    }

    /// <summary>vsyscall lies where no program can map anything.</summary>
    [Fact]
    public void AboveWhatAProgramCanMap_NothingIsFree()
    {
        var last = Range(0x7fff_f000_0000, 0x7fff_f001_0000);
        var vsyscall = (Range(0xffff_ffff_ff60_0000, 0xffff_ffff_ff60_1000), "[vsyscall]", Protection.Execute);
        Assert.Equal(0x7fff_ffff_f000UL, Of((last, "/lib", Protection.Execute), vsyscall)[^1].End.Value);
        Assert.Equal(Of((last, "/lib", Protection.Execute)), Of((last, "/lib", Protection.Execute), vsyscall));
        Assert.All(GapFinder.Find(Map((last, "/lib", Protection.Execute), vsyscall), last, 1 << 20, Address.Zero), p => Assert.True(p.Value + (1 << 20) <= 0x7fff_ffff_f000, $"{p}"));
    }

    [Fact]
    public void BesideAPageOfOurs_IsFree_AndTheLowestPagesAreNot()
    {
        var ours = Range(0x6000_0000_0000, 0x6000_0000_1000);
        Assert.Equal([Range(MiB, ours.Start.Value), Range(ours.End.Value, 0x7fff_ffff_f000)], Of((ours, RegionMaps.StonesPath, Protection.Execute)));
        Assert.Equal(new Address(0x30_1000), FreeSpace.Of(Map(), Address.Zero, 0x30_0001, 0)[0].Start);
    }

    /// <summary>The region of a module is mapped when pages have been chosen already, and then comes first.</summary>
    [Fact]
    public void PlaceOfARegion_IsLeftToIt()
    {
        var map = Map((Program, "", Protection.Execute));
        map = map with { Modules = [new TargetModule("program", "/program", Program.Start, Program, map.Mappings, true, () => Array.Empty<byte>(), _ => null)] };
        const ulong bytes = 20 * MiB;
        var first = GapFinder.Find(map, Program, bytes, Address.Zero)[0];
        var place = new AddressRange(first, bytes);
        var free = FreeSpace.Of(map, Address.Zero, 0, bytes);
        Assert.DoesNotContain(free, f => f.Overlaps(place));
        Assert.Contains(FreeSpace.Of(map, Address.Zero, 0, 0), f => f.Contains(place));
        Assert.Contains(free, f => f.End.Value == place.Start.Value - 0x1_0000 || f.Start.Value == place.End.Value + 0x1_0000);
        // And so are those of the ones that come after it, each where the one before it is mapped: five serve the 1.7 MB of this program's code.
        for (var more = 1; more < 5; more++)
        {
            map = map with { Mappings = [.. map.Mappings.Append(new(new(first, bytes / 2), Protection.Read | Protection.Write, 0, RegionMaps.Path, false, 0, (ulong)more + 1))
                .Append(new(new(first + (bytes / 2), bytes / 2), Protection.Read | Protection.Execute, bytes / 2, RegionMaps.Path, false, 0, (ulong)more + 1)).OrderBy(m => m.Range.Start)] };
            first = GapFinder.Find(map, Program, bytes, Address.Zero)[0];
            Assert.DoesNotContain(free, f => f.Overlaps(new AddressRange(first, bytes)));
        }
    }

    /// <summary>The more code, the more regions it takes; those of modules that lie beside each other go to one row. No row is longer than ten.</summary>
    [Theory]
    [InlineData(1, 1, 3)]
    [InlineData(1, 3, 8)]
    [InlineData(8, 1, 10)]
    [InlineData(4, 4, 10)]
    public void RowOfRegions_IsAsLongAsTheCodeNeeds(int mebibytes, int modules, int regions)
    {
        const ulong bytes = 20 * MiB;
        var ranges = Enumerable.Range(0, modules).Select(i => new AddressRange(new(0x5555_5500_0000 + ((ulong)(i * mebibytes) * MiB)), (ulong)mebibytes * MiB)).ToArray();
        var map = Map([.. ranges.Select(r => (r, "", Protection.Execute))]);
        map = map with { Modules = [.. ranges.Select((r, i) => new TargetModule($"module{i}", "/module", r.Start, r, [map.Mappings[i]], i == 0, () => Array.Empty<byte>(), _ => null))] };
        ulong Free(ulong regionBytes) => FreeSpace.Of(map, Address.Zero, 0, regionBytes).Aggregate(0UL, (sum, f) => sum + f.Length);
        Assert.Equal((ulong)regions, (Free(0) - Free(bytes)) / bytes);
    }

    private static IReadOnlyList<AddressRange> Of(params (AddressRange Range, string Path, Protection Protection)[] mappings) => FreeSpace.Of(Map(mappings), Address.Zero, 0, 0);

    private static AddressRange Range(ulong start, ulong end) => AddressRange.Between(new(start), new(end));

    private static TargetMap Map(params (AddressRange Range, string Path, Protection Protection)[] mappings) =>
        new([.. mappings.Select(m => new Mapping(m.Range, m.Protection, 0, m.Path, true, 0, 0))], []);
}
