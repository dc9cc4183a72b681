using KernOpt.Target;

namespace KernOpt.Linux;

public sealed partial class ProcessTarget
{
    public Outcome<IRegion> MapRegion(RegionRequest request) => Reasons.RemoteCallFailed.With("not built yet");
    public Outcome<IReadOnlyList<IRegion>> FindRegions() => Reasons.RemoteCallFailed.With("not built yet");
    public Outcome<Done> UnmapRegion(IRegion region) => Reasons.RemoteCallFailed.With("not built yet");
    public Outcome<Quiescence> ProveQuiescent(IReadOnlyList<AddressRange> ranges) => Reasons.RemoteCallFailed.With("not built yet");
    public Outcome<ISampler> StartSampling(SamplingRequest request) => Reasons.RemoteCallFailed.With("not built yet");
    public TimeSpan LongestHold => TimeSpan.Zero;
}
