using System.Diagnostics;
using KernOpt.Linux;
using KernOpt.Linux.Native;
using KernOpt.Linux.Regions;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live.Linux;

public sealed class RegionTests
{
    private static readonly byte[] ReturnNinetyNine = [0xb8, 99, 0, 0, 0, 0xc3];

    [Theory]
    [InlineData("-O2 -pthread")]
    [InlineData("-O2 -no-pie")]
    [InlineData("-O2 -static")]
    [InlineData("-O2 -static-pie")]
    public void MapRegion_ReachesTheProgram_AndItsCodeRuns(string options)
    {
        using var program = NativeProgram.StartFile(NativeProgram.Compile("idle.c", options));
        var answer = new Address(program.ReadFacts()["answer"]);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var main = target.ReadMap().Modules.Single(m => m.IsMainProgram);
        var region = target.MapRegion(new(main.Range, 8192, 65536)).Value;
        Assert.True(region.IsShared);
        Assert.True(Math.Abs(region.Range.Start - main.Range.End) < int.MaxValue && Math.Abs(region.Range.End - main.Range.Start) < int.MaxValue);
        region.Write(8192, ReturnNinetyNine);
        var displacement = (int)(region.Range.Start + 8192 - (answer + 5));
        Assert.True(target.StoreText(answer, [0xb8, 42, 0, 0, 0], [0xe9, .. BitConverter.GetBytes(displacement)]).IsDone);
        program.WriteLine("call");
        Assert.Equal(99UL, program.ReadFacts()["result"]);
        Assert.DoesNotContain(Directory.EnumerateFiles($"/proc/{program.Pid}/fd"), f => SystemCall.ReadLink(f) == RegionMaps.Path);
    }

    [Fact]
    public void RegionOfAnEarlierRun_IsFoundAndShared_AndUnmapped()
    {
        using var program = NativeProgram.Start("idle.c");
        program.ReadLine();
        AddressRange range;
        using (var first = ProcessTarget.Attach(program.Pid).Value)
        {
            var libc = first.ReadMap().Modules.Single(m => m.Name == "libc.so.6");
            var region = first.MapRegion(new(libc.Range, 4096, 4096)).Value;
            range = region.Range;
            region.Store(64, 0x1122334455667788);
        }
        using var second = ProcessTarget.Attach(program.Pid).Value;
        var found = Assert.Single(second.FindRegions().Value);
        Assert.Equal(range, found.Range);
        Assert.Equal(4096UL, found.DataBytes);
        Assert.Equal(0x1122334455667788UL, found.Load(64));
        using (var remote = new RemoteRegion(found.Range, found.DataBytes, second.Memory, second.Calls))
        {
            remote.Store(72, 7);
            Assert.Equal(7UL, found.Load(72));
            Assert.Equal(0x1122334455667788UL, remote.Load(64));
            Assert.Throws<InvalidOperationException>(() => remote.Store(4096, 9));
            Assert.True(remote.MakeWritable().IsDone);
            remote.Store(4096 + 8, 9);
            Assert.Equal(9UL, found.Load(4096 + 8));
            Assert.Equal(3, second.ReadMap().Mappings.Count(m => m.Path == RegionMaps.Path));
        }
        Assert.Equal(2, second.ReadMap().Mappings.Count(m => m.Path == RegionMaps.Path));
        Assert.True(second.UnmapRegion(found).IsDone);
        Assert.Empty(second.FindRegions().Value);
        Assert.DoesNotContain(second.ReadMap().Mappings, m => m.Path == RegionMaps.Path);
        Assert.Throws<ObjectDisposedException>(() => found.Load(64));
    }

    [Fact]
    public void MapAndUnmap_ManyTimes_LeavesNothing()
    {
        using var program = NativeProgram.Start("idle.c");
        program.ReadLine();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var main = target.ReadMap().Modules.Single(m => m.IsMainProgram);
        var before = target.ReadMap().Mappings;
        for (var i = 0; i < 20; i++) Assert.True(target.UnmapRegion(target.MapRegion(new(main.Range, 4096, 8192)).Value).IsDone);
        Assert.Equal(before, target.ReadMap().Mappings);
    }

    [Fact]
    public void DescriptorAndHalfRegionOfAKilledRun_AreRemoved()
    {
        using var program = NativeProgram.Start("idle.c");
        program.ReadLine();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var before = target.ReadMap().Mappings;
        var descriptor = target.Calls.CallWithName(new(CallNumber.memfd_create, B: 1)).Value;
        var half = target.Calls.Call(new(CallNumber.mmap, 0, 4096, 3, MapFlags.Shared, descriptor)).Value;
        Assert.Contains(target.ReadMap().Mappings, m => m.Range.Start.Value == half);
        Assert.Equal(0, target.RemoveLeftovers());
        Assert.Equal(before, target.ReadMap().Mappings);
        Assert.False(File.Exists($"/proc/{program.Pid}/fd/{descriptor}"));
    }

    [Fact]
    public void RedisServer_WithARegionMapped_ServesOn()
    {
        using var redis = RedisServer.Start();
        using var target = ProcessTarget.Attach(redis.Pid).Value;
        var main = target.ReadMap().Modules.Single(m => m.IsMainProgram);
        var region = target.MapRegion(new(main.Range, 1 << 20, 1 << 20)).Value;
        Assert.Equal("PONG", redis.Ask("PING"));
        Assert.True(target.ProveQuiescent([region.Range]).Value.IsProved);
        Assert.True(target.UnmapRegion(region).IsDone);
        Assert.Equal("PONG", redis.Ask("PING"));
        TestContext.Current.SendDiagnosticMessage($"redis: longest hold {target.LongestHold.TotalMicroseconds} µs");
    }
}
