using KernOpt.Live.Regions;
using KernOpt.Target;

namespace KernOpt.Live;

/// <summary>One region for a listing. Bytes in use exclude the tables; changes are places of text that it has records of.</summary>
public sealed record RegionSummary(AddressRange Range, RegionStatus Status, string Build, ulong CodeBytesInUse, ulong DataBytesInUse, int Entries, int Changes)
{
    internal static RegionSummary Of(LiveRegion region) => new(region.Range, region.Status, RegionHeader.BuildOf(region.Memory),
        region.CodeBytesInUse, region.DataBytesInUse, region.Entries.Count, region.Changes.Count);
}
