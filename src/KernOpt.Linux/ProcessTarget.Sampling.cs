using KernOpt.Linux.Sampling;
using KernOpt.Target;

namespace KernOpt.Linux;

public sealed partial class ProcessTarget
{
    /// <summary>By performance events where they are allowed, by holding running threads for a moment where they are not: then Source says why.</summary>
    public Outcome<ISampler> StartSampling(SamplingRequest request)
    {
        if (State != TargetState.Alive) return WhyNotAlive();
        var hertz = Math.Clamp(request.Hertz, 1, 20_000);
        if (PerfSampler.Start(Pid, hertz).Try(out var sampler, out var why)) return sampler;
        return new PtraceSampler(Pid, holds, hertz, why.Detail);
    }
}
