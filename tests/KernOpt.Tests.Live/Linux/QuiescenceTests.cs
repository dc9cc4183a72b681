using System.Buffers.Binary;
using KernOpt.Linux;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live.Linux;

/// <summary>A thread that is in a region, or will return to it, or another process that has it: each must be seen.</summary>
public sealed class QuiescenceTests
{
    [Fact]
    public void ThreadThatWillReturn_IsSeen_AndNoMoreWhenItHasLeft()
    {
        using var program = NativeProgram.Start("shared.c");
        var wait = program.ReadFacts()["wait"];
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var region = Map(target);
        Assert.True(Prove(target, region).IsProved);
        // sub rsp, 8; mov rax, wait; call rax; add rsp, 8; ret
        byte[] code = [0x48, 0x83, 0xec, 8, 0x48, 0xb8, .. BitConverter.GetBytes(wait), 0xff, 0xd0, 0x48, 0x83, 0xc4, 8, 0xc3];
        region.Write(4096, code);
        Tell(program, Enter(region));
        Assert.False(Prove(target, region).IsProved);
        Tell(program, "leave");
        Assert.True(Prove(target, region).IsProved, Prove(target, region).Evidence);
    }

    [Fact]
    public void ThreadThatRunsInIt_IsSeen_AndNoMoreWhenItHasLeft()
    {
        using var program = NativeProgram.Start("shared.c");
        program.ReadFacts();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var region = Map(target);
        // 1: pause; cmp qword [rip-4104], 0; je 1b; ret  — runs until the first word of the data is set
        byte[] code = [0xf3, 0x90, 0x48, 0x83, 0x3d, 0, 0, 0, 0, 0, 0x74, 0xf4, 0xc3];
        BinaryPrimitives.WriteInt32LittleEndian(code.AsSpan(5), -4096 - 10);
        region.Write(4096, code);
        Tell(program, Enter(region));
        var running = Prove(target, region);
        Assert.False(running.IsProved);
        Assert.True(running.ThreadsHeld > 0);
        region.Store(0, 1);
        Tell(program, "rest");
        Assert.True(Prove(target, region).IsProved, Prove(target, region).Evidence);
    }

    /// <summary>The waiting coroutine lies below the stack pointer of the thread that runs on the same memory.</summary>
    [Theory]
    [InlineData("first")]
    [InlineData("thread")]
    public void CoroutineThatWillReturn_IsSeen(string where)
    {
        using var program = NativeProgram.Start("coroutines.c", where);
        var wait = program.ReadFacts()["wait"];
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var region = Map(target);
        // sub rsp, 8; mov rax, wait; call rax; add rsp, 8; ret
        byte[] code = [0x48, 0x83, 0xec, 8, 0x48, 0xb8, .. BitConverter.GetBytes(wait), 0xff, 0xd0, 0x48, 0x83, 0xc4, 8, 0xc3];
        region.Write(4096, code);
        Tell(program, Enter(region));
        var inside = Prove(target, region);
        Assert.False(inside.IsProved);
        Assert.Contains("pointer", inside.Evidence, StringComparison.Ordinal);
    }

    [Fact]
    public void ForkedChildThatHasTheRegion_IsNamed()
    {
        using var program = NativeProgram.Start("shared.c");
        program.ReadFacts();
        using var target = ProcessTarget.Attach(program.Pid).Value;
        var region = Map(target);
        var child = Tell(program, "fork")["child"];
        var shared = Prove(target, region);
        Assert.False(shared.IsProved);
        Assert.Contains($"pid {child}", shared.Evidence, StringComparison.Ordinal);
        Tell(program, "kill");
        Assert.True(Prove(target, region).IsProved, Prove(target, region).Evidence);
    }

    /// <summary>The address is masked: otherwise the program's own copies of it would be pointers into the region.</summary>
    private static string Enter(IRegion region) => $"enter {(region.Range.Start.Value + 4096) ^ 0x5555555555555555:x}";

    private static IRegion Map(ProcessTarget target)
        => target.MapRegion(new(target.ReadMap().Modules.Single(m => m.IsMainProgram).Range, 4096, 4096)).Value;

    private static Quiescence Prove(ProcessTarget target, IRegion region)
        => target.ProveQuiescent([new(region.Range.Start + region.DataBytes, region.Range.Length - region.DataBytes)]).Value;

    private static Dictionary<string, ulong> Tell(NativeProgram program, string line)
    {
        program.WriteLine(line);
        return program.ReadFacts();
    }
}
