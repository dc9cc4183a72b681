using System.Globalization;
using System.Text.RegularExpressions;
using KernOpt.Engine.Policies;

namespace KernOpt.Engine.Objectives;

/// <summary>Finds the objective's number in an answer: by metric name, by pattern, or the first one.</summary>
internal static partial class NumberInText
{
    public static double? Find(string text, ObjectivePlan plan)
    {
        if (plan.Metric.Length > 0) return Metric(text, plan.Metric);
        if (plan.Pattern.Length == 0) return Parse(FirstNumber().Match(text).Value);
        var match = Regex.Match(text, plan.Pattern, RegexOptions.NonBacktracking | RegexOptions.Multiline);
        return match.Success ? Parse(match.Groups[match.Groups.Count > 1 ? 1 : 0].Value) : null;
    }

    /// <summary>
    /// The sum of the samples with this name that have all labels given; null where there is none
    /// (Prometheus text format 0.0.4: name{label="value",…} number [milliseconds]).
    /// </summary>
    private static double? Metric(string text, string wanted)
    {
        if (Sample().Match(wanted + " 0") is not { Success: true } want) return null;
        var labels = Labels(want);
        double? sum = null;
        foreach (var line in text.Split('\n'))
        {
            if (line.StartsWith('#') || Sample().Match(line.Trim()) is not { Success: true } sample) continue;
            if (sample.Groups["name"].Value != want.Groups["name"].Value || !labels.IsSubsetOf(Labels(sample))) continue;
            if (Parse(sample.Groups["value"].Value) is not { } value) return null;
            sum = (sum ?? 0) + value;
        }
        return sum;
    }

    private static HashSet<string> Labels(Match sample)
        => [.. Label().Matches(sample.Groups["labels"].Value).Select(l => $"{l.Groups[1].Value}={l.Groups[2].Value}")];

    private static double? Parse(string text)
        => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) ? value : null;

    [GeneratedRegex(@"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")]
    private static partial Regex FirstNumber();

    [GeneratedRegex("""^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(?<labels>(?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?\s+(?<value>\S+)(?:\s+-?[0-9]+)?$""")]
    private static partial Regex Sample();

    [GeneratedRegex("""([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)" *""")]
    private static partial Regex Label();
}
