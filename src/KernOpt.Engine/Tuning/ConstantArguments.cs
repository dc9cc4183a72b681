using KernOpt.Engine.Policies;
using KernOpt.Engine.Profiling;
using KernOpt.Optimize.Guards;
using KernOpt.Target;

namespace KernOpt.Engine.Tuning;

/// <summary>
/// The arguments that are constant enough, each and in pairs, by the lower bound of their top value's share, that the function itself reads, and on which code can fold.
/// A pointer to memory that may be written is left out: what lies behind it is not constant, and the pointer itself costs as much as an immediate as in its register.
/// </summary>
internal static class ConstantArguments
{
    public static IReadOnlyList<EntryBinding> Of(ValuesResult values, Policy policy, TargetMap map)
    {
        if (values.Profile.Calls < policy.Thresholds.MinimumSamples) return [];
        var chosen = new List<int>();
        var constant = values.Arguments.Select((argument, index) => (argument, index, most: values.Profile.Arguments[index].Most))
            .Where(a => a.argument.IsUsed && a.most is { } most && most.ShareAtLeast >= policy.Thresholds.Constancy && !IsWritten(map, most.Value, a.argument.Bits))
            .OrderByDescending(a => a.most!.ShareAtLeast);
        foreach (var (_, index, _) in constant)
        {
            var isJoint = chosen.TrueForAll(other => values.Profile.Joint(other, index) is { } joint && joint.ShareAtLeast >= policy.Thresholds.Constancy);
            if (isJoint && chosen.Count < policy.Techniques.MaximumArguments) chosen.Add(index);
        }
        return [.. chosen.Select(i => new EntryBinding(values.Arguments[i].Register, values.Profile.Arguments[i].Most!.Value, values.Arguments[i].Bits))];
    }

    private static bool IsWritten(TargetMap map, ulong value, int bits) =>
        bits == 64 && map.At(new Address(value)) is { } mapping && mapping.Protection.HasFlag(Protection.Write);
}
