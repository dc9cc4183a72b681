namespace KernOpt.Target;

public static partial class Reasons
{
    public static readonly Reason FasterOnLiveTraffic = new(6001, nameof(FasterOnLiveTraffic),
        "The comparison showed the version to be cheaper by at least the smallest effect worth keeping.");
    public static readonly Reason SlowerOnLiveTraffic = new(6002, nameof(SlowerOnLiveTraffic),
        "The comparison showed the version to be dearer than the original; it is rolled back.");
    public static readonly Reason NoDifferenceOnLiveTraffic = new(6003, nameof(NoDifferenceOnLiveTraffic),
        "The comparison showed that the version differs from the original by less than what is worth keeping.");
    public static readonly Reason InconclusiveComparison = new(6004, nameof(InconclusiveComparison),
        "The comparison could not tell. A longer duration or a quieter machine may; the number of blocks that would have been needed is in the evidence.");

    public static readonly Reason GuardHitRateFell = new(6010, nameof(GuardHitRateFell),
        "The kept version's guard lets fewer calls through than the policy demands: the values have changed.");
    public static readonly Reason CostDrifted = new(6011, nameof(CostDrifted),
        "The kept version's cost per call has risen above what it was when it was kept, and beside its original it is no longer surely faster.");
}
