using System.Globalization;
using KernOpt.Target;

namespace KernOpt.Kernel.Images;

/// <summary>Addresses as the kernel prints them, with 0x or without; one that it hides is 0, and is none.</summary>
internal static class HexAddress
{
    public static bool TryRead(ReadOnlySpan<char> text, out Address address)
    {
        var isRead = ulong.TryParse(text.StartsWith("0x", StringComparison.Ordinal) ? text[2..] : text, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var value);
        address = new Address(value);
        return isRead && value != 0;
    }
}
