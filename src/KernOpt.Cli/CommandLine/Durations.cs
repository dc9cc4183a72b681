using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace KernOpt.Cli.CommandLine;

/// <summary>An option that is a time. It has no default value of the library's, whose help would print it in .NET's own form.</summary>
internal sealed class DurationOption(string name, TimeSpan standard) : Option<TimeSpan>(name)
{
    public TimeSpan In(ParseResult parse) => parse.GetResult(this) is null ? standard : parse.GetValue(this);
}

/// <summary>Durations on the command line: "200ms", "5s", "2m", "1h"; a bare number is seconds.</summary>
internal static class Durations
{
    public static DurationOption Option(string name, TimeSpan standard, string description) => new(name, standard)
    {
        Description = $"{description} (such as 500ms, 20s, 2m) [default: {(standard < TimeSpan.FromSeconds(1) ? $"{standard.TotalMilliseconds}ms" : $"{standard.TotalSeconds}s")}]",
        HelpName = "TIME",
        CustomParser = result => TryParse(result.Tokens.Single().Value, out var time) ? time : Fail(result, name),
    };

    public static bool TryParse(string text, out TimeSpan time)
    {
        (string Unit, double Seconds)[] units = [("ms", 1e-3), ("us", 1e-6), ("s", 1), ("m", 60), ("h", 3600), ("", 1)];
        var (unit, seconds) = units.First(u => text.EndsWith(u.Unit, StringComparison.Ordinal));
        var isNumber = double.TryParse(text[..^unit.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number);
        time = isNumber && number * seconds <= 86_400 * 365 ? TimeSpan.FromSeconds(number * seconds) : TimeSpan.Zero;
        return isNumber && time > TimeSpan.Zero;
    }

    private static TimeSpan Fail(ArgumentResult result, string name)
    {
        result.AddError($"{name} wants a time above zero such as 500ms, 20s or 2m, not '{result.Tokens.Single().Value}'");
        return TimeSpan.Zero;
    }
}
