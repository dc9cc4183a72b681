using KernOpt.Engine.Policies;
using KernOpt.Engine.Profiling;
using KernOpt.Optimize.Guards;

namespace KernOpt.Engine.Tuning;

/// <summary>
/// The arguments that are constant enough, each and in pairs, by the lower bound of their top value's share, and that the function itself reads. Small numbers
/// come first: branches and computations fold on them; behind a constant pointer lies memory that may change.
/// </summary>
internal static class ConstantArguments
{
    public static IReadOnlyList<EntryBinding> Of(ValuesResult values, Policy policy)
    {
        if (values.Profile.Calls < policy.Thresholds.MinimumSamples) return [];
        var chosen = new List<int>();
        var constant = values.Arguments.Select((argument, index) => (argument, index, most: values.Profile.Arguments[index].Most))
            .Where(a => a.argument.IsUsed && a.most is { } most && most.ShareAtLeast >= policy.Thresholds.Constancy)
            .OrderByDescending(a => IsSmallNumber(a.most!.Value)).ThenByDescending(a => a.most!.ShareAtLeast);
        foreach (var (_, index, _) in constant)
        {
            var isJoint = chosen.TrueForAll(other => values.Profile.Joint(other, index) is { } joint && joint.ShareAtLeast >= policy.Thresholds.Constancy);
            if (isJoint && chosen.Count < policy.Techniques.MaximumArguments) chosen.Add(index);
        }
        return [.. chosen.Select(i => new EntryBinding(values.Arguments[i].Register, values.Profile.Arguments[i].Most!.Value, values.Arguments[i].Bits))];
    }

    /// <summary>No program has memory of its own below this address (vm.mmap_min_addr).</summary>
    private static bool IsSmallNumber(ulong value) => value < 0x10000 || (long)value is < 0 and > -0x10000;
}
