using System.Globalization;
using System.Security;
using System.Text;
using KernOpt.Measure.Comparing;

namespace KernOpt.Measure.Exports;

/// <summary>
/// A comparison as an SVG picture: one dot per block at its ratio (version's cost by the original's, logarithmic), the interval as a bar, the
/// effect as a line through it, and the band of effects too small to matter.
/// </summary>
public static class AbPicture
{
    private const double Width = 720;
    private const double Height = 260;
    private const double Margin = 48;
    private const double Top = 64;
    private const double Bottom = Height - 64;

    public static string Svg(string title, IReadOnlyList<AbBlock> blocks, AbSettings settings, Verdict verdict)
    {
        var (ratios, _) = AbTest.Usable(blocks, settings);
        var band = -Math.Log(1 - settings.SmallestEffect);
        var reach = 1.1 * ratios.Select(Math.Abs).Append(3 * band).Max();
        double X(double log) => Width / 2 + Math.Clamp(log / reach, -1, 1) * (Width / 2 - Margin);
        var svg = new StringBuilder();
        Add(svg, $"""<svg xmlns="http://www.w3.org/2000/svg" width="{Width}" height="{Height}" viewBox="0 0 {Width} {Height}" font-family="sans-serif" font-size="13">""");
        Add(svg, $"""<rect width="100%" height="100%" fill="#ffffff"/>""");
        Add(svg, $"""<text x="{Margin}" y="24" font-size="16" fill="#222222">{SecurityElement.Escape(Printable(title))}</text>""");
        Add(svg, $"""<text x="{Margin}" y="44" fill="#555555">{SecurityElement.Escape(Summary(verdict))}</text>""");
        Add(svg, $"""<rect x="{X(-band):0.#}" y="{Top}" width="{X(band) - X(-band):0.#}" height="{Bottom - Top}" fill="#eeeeee"/>""");
        Add(svg, $"""<line x1="{X(0):0.#}" y1="{Top}" x2="{X(0):0.#}" y2="{Bottom}" stroke="#888888"/>""");
        AddDots(svg, ratios, X);
        AddInterval(svg, verdict, X);
        AddScale(svg, reach, X);
        return svg.Append("</svg>\n").ToString();
    }

    /// <summary>Dots from top to bottom in the order of the blocks, so that a trend shows.</summary>
    private static void AddDots(StringBuilder svg, List<double> ratios, Func<double, double> x)
    {
        for (var i = 0; i < ratios.Count; i++)
        {
            var y = Top + 8 + (Bottom - Top - 40) * (i + 0.5) / ratios.Count;
            Add(svg, $"""<circle cx="{x(ratios[i]):0.#}" cy="{y:0.#}" r="3" fill="#3b6ea5" fill-opacity="0.7"/>""");
        }
    }

    private static void AddInterval(StringBuilder svg, Verdict verdict, Func<double, double> x)
    {
        if (!double.IsFinite(verdict.Effect)) return;
        var (low, high) = (x(Math.Log(verdict.Interval.Low)), x(Math.Log(verdict.Interval.High)));
        Add(svg, $"""<rect x="{low:0.#}" y="{Bottom - 22}" width="{Math.Max(1, high - low):0.#}" height="12" fill="#c0504d" fill-opacity="0.5"/>""");
        Add(svg, $"""<line x1="{x(Math.Log(verdict.Effect)):0.#}" y1="{Bottom - 26}" x2="{x(Math.Log(verdict.Effect)):0.#}" y2="{Bottom - 6}" stroke="#c0504d" stroke-width="2"/>""");
    }

    private static void AddScale(StringBuilder svg, double reach, Func<double, double> x)
    {
        Add(svg, $"""<line x1="{Margin}" y1="{Bottom}" x2="{Width - Margin}" y2="{Bottom}" stroke="#222222"/>""");
        foreach (var part in new[] { -1.0, -0.5, 0, 0.5, 1 })
            Add(svg, $"""<text x="{x(part * reach):0.#}" y="{Bottom + 18}" text-anchor="middle" fill="#222222">{Math.Exp(part * reach):0.00}</text>""");
        Add(svg, $"""<text x="{Width / 2}" y="{Bottom + 42}" text-anchor="middle" fill="#555555">cheaper ← version's cost ÷ original's, one dot per block → dearer</text>""");
    }

    private static string Summary(Verdict verdict) => double.IsFinite(verdict.Effect) ? verdict.ToString() : $"{verdict.KindText}: {verdict.Why}";

    private static void Add(StringBuilder svg, FormattableString element) => svg.Append(element.ToString(CultureInfo.InvariantCulture)).Append('\n');

    private static string Printable(string text) => new([.. text.Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '·' : c)]);
}
