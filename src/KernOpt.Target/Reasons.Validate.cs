namespace KernOpt.Target;

public static partial class Reasons
{
    public static readonly Reason SandboxUnavailable = new(3501, nameof(SandboxUnavailable),
        "The process in which versions are tried could not be started or was lost; check that own children may be traced and that memory is not short.");
    public static readonly Reason NondeterministicCode = new(3502, nameof(NondeterministicCode),
        "The function reads the time, random numbers or the processor's identity by an instruction, so two runs cannot be compared; leave it as it is.");
    public static readonly Reason NotEnoughEvidence = new(3503, nameof(NotEnoughEvidence),
        "Too few runs of original and version could be compared; give argument values seen live, or more time.");
    public static readonly Reason VersionDiffers = new(3504, nameof(VersionDiffers),
        "A run of the version did something else than the original; the version is wrong and is not installed.");
    public static readonly Reason OriginalUnreadable = new(3505, nameof(OriginalUnreadable),
        "The code of the original could not be read or decoded; the target may have unloaded it.");
}
