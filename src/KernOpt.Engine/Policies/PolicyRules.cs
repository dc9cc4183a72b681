using KernOpt.Target;

namespace KernOpt.Engine.Policies;

/// <summary>A rule that a policy breaks, and the key at which that is best said.</summary>
internal readonly record struct BrokenRule(string Key, Reason Reason, string Message);

/// <summary>Something that must hold between several values of a policy.</summary>
internal interface IPolicyRule
{
    BrokenRule? Check(Policy policy);
}

internal static class PolicyRules
{
    public static IReadOnlyList<IPolicyRule> All { get; } =
    [
        new ObjectiveSaysWhereToRead(), new UrlIsHttp(), new PatternOrMetric(), new DurationHoldsTheBlocks(), new WindowHoldsTheReading(),
        new GuardRateIsBelowConstancy(), new ValidationCanReachItsMinimum(), new SomethingIsToBeDone(),
    ];
}

internal sealed class ObjectiveSaysWhereToRead : IPolicyRule
{
    public BrokenRule? Check(Policy policy) => policy.Objective switch
    {
        { Kind: ObjectiveKind.Command, Command: [] } => new("objective.command", Reasons.PolicyMissingKey, "objective.command is missing: kind is \"command\""),
        { Kind: ObjectiveKind.Http, Url: "" } => new("objective.url", Reasons.PolicyMissingKey, "objective.url is missing: kind is \"http\""),
        _ => null,
    };
}

internal sealed class UrlIsHttp : IPolicyRule
{
    public BrokenRule? Check(Policy policy)
        => policy.Objective.Url.Length == 0 || (Uri.TryCreate(policy.Objective.Url, UriKind.Absolute, out var url) && url.Scheme is "http" or "https")
            ? null
            : new("objective.url", Reasons.PolicyOutOfRange, "objective.url is not an absolute http or https address");
}

internal sealed class PatternOrMetric : IPolicyRule
{
    public BrokenRule? Check(Policy policy) => policy.Objective is { Pattern.Length: > 0, Metric.Length: > 0 }
        ? new("objective.metric", Reasons.PolicyContradiction, "objective.pattern and objective.metric both say where the number is: keep one")
        : null;
}

internal sealed class DurationHoldsTheBlocks : IPolicyRule
{
    public BrokenRule? Check(Policy policy)
    {
        var plan = policy.Comparison;
        var needed = plan.MinimumDuration;
        return needed <= plan.MaximumDuration ? null : new("comparison.maximumDuration", Reasons.PolicyContradiction,
            $"{plan.MinimumBlocks} blocks of two windows of {plan.Window.TotalMilliseconds:0}ms, and {ComparisonPlan.Overhead.TotalMilliseconds:0}ms between them, take {needed.TotalSeconds:0.#}s, longer than comparison.maximumDuration: " +
            "lengthen it, or shorten comparison.window or comparison.minimumBlocks");
    }
}

internal sealed class WindowHoldsTheReading : IPolicyRule
{
    public BrokenRule? Check(Policy policy)
        => policy.Objective.Kind == ObjectiveKind.CyclesPerCall || policy.Objective.Timeout <= 10 * policy.Comparison.Window ? null
            : new("objective.timeout", Reasons.PolicyContradiction, "objective.timeout is more than ten times comparison.window: one slow reading would swallow the windows after it");
}

internal sealed class GuardRateIsBelowConstancy : IPolicyRule
{
    public BrokenRule? Check(Policy policy)
        => policy.Regression.GuardHitRate <= policy.Thresholds.Constancy ? null
            : new("regression.guardHitRate", Reasons.PolicyContradiction,
                "regression.guardHitRate is above thresholds.constancy: a version would be rolled back for values that were good enough to make it");
}

internal sealed class ValidationCanReachItsMinimum : IPolicyRule
{
    public BrokenRule? Check(Policy policy)
        => policy.Validation.Minimum <= policy.Validation.Runs ? null
            : new("validation.minimum", Reasons.PolicyContradiction, "validation.minimum is above validation.runs: no version could ever pass");
}

internal sealed class SomethingIsToBeDone : IPolicyRule
{
    public BrokenRule? Check(Policy policy)
        => policy.Mode == PolicyMode.MeasureOnly || policy.Techniques is not { Specialize: false, Outline: false, Relocate: false } ? null
            : new("techniques", Reasons.PolicyContradiction, "all techniques are off: use \"mode: measure-only\" if nothing is to be changed");
}
