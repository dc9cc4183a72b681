using KernOpt.Engine.Policies;
using KernOpt.Engine.Profiling;
using KernOpt.Optimize.Guards;

namespace KernOpt.Engine.Tuning;

/// <summary>The arguments that are constant enough, by the lower bound of their top value's share, and that the function itself reads.</summary>
internal static class ConstantArguments
{
    public static IReadOnlyList<EntryBinding> Of(ValuesResult values, Policy policy)
    {
        if (values.Profile.Calls < policy.Thresholds.MinimumSamples) return [];
        var found = values.Arguments.Select((argument, index) => (argument, most: values.Profile.Arguments[index].Most))
            .Where(a => a.argument.IsUsed && a.most is { } most && most.ShareAtLeast >= policy.Thresholds.Constancy)
            .OrderByDescending(a => a.most!.ShareAtLeast).Take(policy.Techniques.MaximumArguments)
            .Select(a => new EntryBinding(a.argument.Register, a.most!.Value, a.argument.Bits));
        return [.. found];
    }
}
