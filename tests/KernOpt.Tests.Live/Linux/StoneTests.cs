using KernOpt.Linux;
using KernOpt.Linux.Native;
using KernOpt.Linux.Threads;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live.Linux;

/// <summary>Pages that are mapped at addresses of others' choice: they go where nothing is, or nowhere.</summary>
public sealed class StoneTests
{
    private static readonly byte[] TwoPages = [.. Enumerable.Repeat((byte)0xcc, 4096), .. Enumerable.Repeat((byte)0xc3, 4096)];

    [Fact]
    public void Map_ReplacesNothing_WhateverIsThere()
    {
        using var program = NativeProgram.Start("idle.c");
        program.ReadLine();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var before = target.ReadMap().Mappings;
        using (var file = target.MakeStones(TwoPages, 1).Value)
        {
            foreach (var mapping in before)
            {
                Assert.False(file.Map(mapping.Range.Start, 0).IsDone, $"{mapping}");
                Assert.False(file.Map(mapping.Range.End - 4096, 0).IsDone, $"{mapping}");
            }
        }
        Assert.Equal(before, target.ReadMap().Mappings);
    }

    [Fact]
    public void MappedPage_HoldsItsBytes_IsKnownToALaterRun_AndUnmappedAlone()
    {
        using var program = NativeProgram.Start("idle.c");
        program.ReadLine();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var before = target.ReadMap().Mappings;
        var free = target.ReadFreeSpace(0);
        Assert.All(free, f => Assert.DoesNotContain(before, m => m.Range.Overlaps(f)));
        var (one, other) = (free[^1].Start, free[^1].Start + 4096);
        ulong number, second;
        using (var file = target.MakeStones(TwoPages, 1).Value)
        {
            number = file.Number;
            Assert.True(file.Map(one, 1).IsDone);
            Assert.False(file.Map(one, 0).IsDone);
        }
        using (var file = target.MakeStones(TwoPages, 1).Value)
        {
            second = file.Number;
            // The neighbour of a page of ours is free for another one.
            Assert.Contains(target.ReadFreeSpace(0), f => f.Contains(new AddressRange(other, 4096)));
            Assert.True(file.Map(other, 0).IsDone);
        }
        var bytes = new byte[4096];
        Assert.Equal(4096, target.Read(one, bytes));
        Assert.Equal(TwoPages[4096..], bytes);
        Assert.NotEqual(number, second);

        using var later = ProcessTarget.Attach(program.Pid).Value;
        Assert.Equal([new AddressRange(one, 4096)], later.FindStones(number).Value);
        Assert.True(later.ProveQuiescent([new AddressRange(one, 4096)]).Value.IsProved);
        Assert.Equal(0, later.RemoveLeftovers());
        Assert.Equal([new AddressRange(one, 4096)], later.FindStones(number).Value);
        Assert.True(later.UnmapStones(number).IsDone);
        Assert.Equal([new AddressRange(other, 4096)], later.FindStones(second).Value);
        Assert.True(later.UnmapStones(second).IsDone);
        Assert.Equal(before, later.ReadMap().Mappings);
    }

    /// <summary>As when the target maps something there after it was planned.</summary>
    [Fact]
    public void ManyPages_OneOfWhichIsTakenMeanwhile_AllOthersAreMapped_AndTheTakenOneStaysTheTargets()
    {
        using var program = NativeProgram.Start("idle.c");
        program.ReadLine();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var before = target.ReadMap().Mappings;
        var start = target.ReadFreeSpace(0)[^1].Start;
        var places = Enumerable.Range(0, 120).Select(i => (At: start + (ulong)i * 8192, Page: i % 2)).ToList();
        const int own = MapFlags.Private | MapFlags.Anonymous | MapFlags.FixedNoReplace;
        var taken = new[] { 0, 57, 58, 119 };
        foreach (var i in taken) Assert.True(target.Calls.Call(new(CallNumber.mmap, places[i].At.Value, 4096, MapFlags.ProtectionRead | MapFlags.ProtectionWrite, own, ulong.MaxValue)).IsDone);
        ulong number;
        using (var file = target.MakeStones(TwoPages, places.Count).Value)
        {
            number = file.Number;
            var mapped = file.Map(places);
            Assert.Equal(taken, Enumerable.Range(0, places.Count).Where(i => !mapped[i].IsDone));
            Assert.All(taken, i => Assert.Contains("errno 17", mapped[i].Refusal.Detail, StringComparison.Ordinal));
        }
        var bytes = new byte[4096];
        for (var i = 0; i < places.Count; i++)
        {
            Assert.Equal(4096, target.Read(places[i].At, bytes));
            Assert.Equal(taken.Contains(i) ? (byte)0 : i % 2 == 0 ? (byte)0xcc : (byte)0xc3, bytes[100]);
        }
        Assert.Equal(places.Count - taken.Length, target.FindStones(number).Value.Sum(r => (int)(r.Length / 4096)));
        Assert.True(target.UnmapStones(number).IsDone);
        Assert.Empty(target.FindStones(number).Value);
        foreach (var i in taken) Assert.True(target.Calls.Call(new(CallNumber.munmap, places[i].At.Value, 4096)).IsDone);
        Assert.Equal(before, target.ReadMap().Mappings);
    }

    [Fact]
    public void DescriptorOfAKilledRun_IsClosed()
    {
        using var program = NativeProgram.Start("idle.c");
        program.ReadLine();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var descriptor = target.Calls.CallWithName(new(CallNumber.memfd_create, B: 1), CallStub.StonesNameOffset).Value;
        Assert.Equal("/memfd:kernopt-stones (deleted)", SystemCall.ReadLink($"/proc/{program.Pid}/fd/{descriptor}"));
        Assert.Equal(0, target.RemoveLeftovers());
        Assert.False(File.Exists($"/proc/{program.Pid}/fd/{descriptor}"));
    }

    /// <summary>The number of a closed descriptor is the next one's.</summary>
    [Fact]
    public void DisposedTwice_ClosesNobodyElsesFile()
    {
        using var program = NativeProgram.Start("idle.c");
        program.ReadLine();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var file = target.MakeStones(TwoPages, 1).Value;
        file.Dispose();
        var others = Enumerable.Range(0, 64).Select(_ => SystemCall.Open("/dev/null", OpenFlags.ReadOnly)).ToList();
        file.Dispose();
        Assert.All(others, d => Assert.True(SystemCall.Invoke(CallNumber.fcntl, d, 1) >= 0, $"{d} was closed"));   // F_GETFD
        others.ForEach(SystemCall.Close);
    }

    [Fact]
    public void TargetWithHalfOfItsMappingsInUse_TakesNone()
    {
        using var program = NativeProgram.Start("idle.c");
        program.ReadLine();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        Assert.Equal(Reasons.TooManyMappings, target.MakeStones(TwoPages, int.Parse(File.ReadAllText("/proc/sys/vm/max_map_count")) / 2).Refusal.Reason);
    }
}
