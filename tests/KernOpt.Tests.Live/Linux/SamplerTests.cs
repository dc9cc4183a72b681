using KernOpt.Linux;
using KernOpt.Linux.Sampling;
using KernOpt.Linux.Threads;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live.Linux;

public sealed class SamplerTests
{
    [Fact]
    public void Sampler_OfABusyProgram_FindsItsLoop_AndWeighsItsTime()
    {
        using var program = NativeProgram.Start("waits.c", "busy");
        BorrowTests.AwaitReady(program);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        using var sampler = target.StartSampling(new(1000)).Value;
        CheckSamples(target, sampler, 100);
    }

    [Fact]
    public void PtraceSampler_OfABusyProgram_FindsItsLoop()
    {
        using var program = NativeProgram.Start("waits.c", "busy");
        BorrowTests.AwaitReady(program);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        using var holds = new ThreadHolds(program.Pid);
        using var sampler = new PtraceSampler(program.Pid, holds, 1000, "test");
        CheckSamples(target, sampler, 20);
        program.WriteLine("tell");
        Assert.Equal(0UL, program.ReadFacts()["errors"]);
    }

    private static void CheckSamples(ProcessTarget target, ISampler sampler, int wanted)
    {
        var samples = new List<Sample>();
        var before = target.CpuTime;
        Assert.True(SpinWait.SpinUntil(() => { sampler.Drain(samples); Thread.Sleep(10); return samples.Count >= wanted; }, TimeSpan.FromSeconds(30)), $"{samples.Count} samples");
        var used = target.CpuTime - before;
        var main = target.ReadMap().Modules.Single(m => m.IsMainProgram);
        Assert.True(samples.Count(s => main.Range.Contains(s.Ip)) > samples.Count * 9 / 10);
        var weight = samples.Sum(s => (double)s.Weight) / 1e9;
        Assert.InRange(weight, 0.3 * used.TotalSeconds, (2 * used.TotalSeconds) + 0.1);
        Assert.True(sampler.CostSeconds > 0);
    }
}
