namespace KernOpt.Cli.Output;

/// <summary>Bars and lines of characters.</summary>
internal static class Bars
{
    private const int Longest = 40;
    private const string Heights = "▁▂▃▄▅▆▇█";

    /// <summary>A bar for a share, 0 to 1; something is at least one character.</summary>
    public static string Of(double share) => share <= 0 ? "" : new string('█', Math.Max(1, (int)Math.Round(share * Longest)));

    /// <summary>One character a value, from 0 to the largest.</summary>
    public static string Line(IReadOnlyList<double> values)
    {
        var most = values.Max();
        return string.Concat(values.Select(v => Heights[most <= 0 ? 0 : (int)Math.Clamp(v / most * Heights.Length, 0, Heights.Length - 1)]));
    }
}
