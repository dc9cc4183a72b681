using System.Globalization;

namespace KernOpt.Probes.Language;

internal static class Numbers
{
    /// <summary>Null when it is none, or over 64 bits.</summary>
    public static ulong? Parse(string text)
    {
        var isHex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        return ulong.TryParse(isHex ? text[2..] : text, isHex ? NumberStyles.AllowHexSpecifier : NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
    }
}
