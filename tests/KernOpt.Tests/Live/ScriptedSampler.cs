using KernOpt.Target;

namespace KernOpt.Tests.Live;

/// <summary>Samples that a test makes up.</summary>
internal abstract class ScriptedSampler : ISampler
{
    public string Source => "script";
    public double CostSeconds => 0;

    public abstract long Drain(ICollection<Sample> into);

    public void Dispose() => Stop();

    protected abstract void Stop();
}
