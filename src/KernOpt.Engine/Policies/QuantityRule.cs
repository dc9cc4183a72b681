using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using KernOpt.Target;
using YamlDotNet.RepresentationModel;

namespace KernOpt.Engine.Policies;

/// <summary>A number with its unit, "200ms". Factors turn it into the base unit, in which the range is given.</summary>
internal abstract partial class QuantityRule(string noun, string lowest, string highest, params (string Unit, decimal Factor)[] units) : ValueRule
{
    /// <summary>Above every range, and far enough from the type's end to be multiplied.</summary>
    private const decimal Absurd = 1e18m;

    public override string Describe() => $"{noun}, {lowest}..{highest}";

    public override JsonObject Schema() => new()
    {
        ["type"] = "string",
        ["pattern"] = $"^[0-9]+(\\.[0-9]+)?({string.Join('|', units.Select(u => u.Unit))})$",
        ["description"] = Describe(),
    };

    public override (object? Value, ValueError? Error) Read(YamlNode node)
    {
        if (node is not YamlScalarNode { Value: { Length: > 0 } text }) return WrongType(node);
        if (Quantity().Match(text) is not { Success: true } match) return WrongType(node);
        if (Base(match) is not { } value)
        {
            var given = match.Groups[2].Length == 0 ? $"\"{text}\" has no unit" : $"\"{match.Groups[2].Value}\" is not its unit";
            return (null, new(Reasons.PolicyWrongUnit, $"{given}: expected {Describe()} ({string.Join(", ", units.Select(u => u.Unit))})"));
        }
        return value >= Base(Quantity().Match(lowest)) && value <= Base(Quantity().Match(highest)) ? (Convert(value), null) : OutOfRange(text);
    }

    protected abstract object Convert(decimal value);

    private decimal? Base(Match match)
    {
        foreach (var (unit, factor) in units)
        {
            if (unit != match.Groups[2].Value) continue;
            return decimal.TryParse(match.Groups[1].Value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number < Absurd
                ? number * factor
                : Absurd;
        }
        return null;
    }

    [GeneratedRegex(@"^([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z%µ]*)$")]
    private static partial Regex Quantity();
}

/// <summary>Read as a <see cref="TimeSpan"/>.</summary>
internal sealed class DurationRule(string lowest, string highest)
    : QuantityRule("a duration", lowest, highest, ("ms", 0.001m), ("s", 1), ("m", 60), ("h", 3_600))
{
    protected override object Convert(decimal value) => TimeSpan.FromTicks((long)(value * TimeSpan.TicksPerSecond));
}

/// <summary>Read as a fraction, 0..1.</summary>
internal sealed class ShareRule(string lowest, string highest) : QuantityRule("a share", lowest, highest, ("%", 0.01m))
{
    protected override object Convert(decimal value) => (double)value;
}

/// <summary>Read as bytes.</summary>
internal sealed class SizeRule(string lowest, string highest) : QuantityRule("a size", lowest, highest, ("KiB", 1_024), ("MiB", 1_048_576))
{
    protected override object Convert(decimal value) => (long)value;
}

/// <summary>Read as whole hertz.</summary>
internal sealed class FrequencyRule(string lowest, string highest) : QuantityRule("a frequency", lowest, highest, ("Hz", 1), ("kHz", 1_000))
{
    protected override object Convert(decimal value) => (int)Math.Round(value);
}
