using System.Globalization;
using Iced.Intel;
using KernOpt.Optimize.Guards;
using KernOpt.Target;

namespace KernOpt.Engine.Versions;

/// <summary>"rsi=16", "edx=0x3e8": an argument register and the value that a version takes for granted.</summary>
public static class Bindings
{
    private static readonly (Register Full, string[] Names64, string[] Names32)[] ArgumentRegisters =
    [
        (Register.RDI, ["rdi", "arg0"], ["edi"]), (Register.RSI, ["rsi", "arg1"], ["esi"]), (Register.RDX, ["rdx", "arg2"], ["edx"]),
        (Register.RCX, ["rcx", "arg3"], ["ecx"]), (Register.R8, ["r8", "arg4"], ["r8d"]), (Register.R9, ["r9", "arg5"], ["r9d"]),
    ];

    /// <summary>The bindings in the order given. Bits is 32 for a 32-bit name, else 64; the caller narrows it to what the function uses.</summary>
    public static Outcome<IReadOnlyList<EntryBinding>> Parse(IEnumerable<string> texts)
    {
        var bindings = new List<EntryBinding>();
        foreach (var text in texts)
        {
            if (!ParseOne(text).Try(out var binding, out var why)) return why;
            if (bindings.Any(b => b.Argument == binding.Argument)) return Reasons.BadBinding.With($"'{text}': this register is bound twice");
            bindings.Add(binding);
        }
        return bindings;
    }

    /// <summary>"rsi=16 rdx=1000".</summary>
    public static string Text(IEnumerable<EntryBinding> bindings) =>
        string.Join(' ', bindings.Select(b => $"{b.Argument.ToString().ToLowerInvariant()}={(b.Value < 1_000_000 ? $"{b.Value}" : $"0x{b.Value:x}")}"));

    private static Outcome<EntryBinding> ParseOne(string text)
    {
        if (text.Split('=') is not [var name, var number]) return Reasons.BadBinding.With($"'{text}': want REG=VALUE");
        var register = ArgumentRegisters.FirstOrDefault(r => r.Names64.Contains(name.ToLowerInvariant()) || r.Names32.Contains(name.ToLowerInvariant()));
        if (register.Full == Register.None) return Reasons.BadBinding.With($"'{text}': {name} is no integer argument register (rdi, rsi, rdx, rcx, r8, r9)");
        if (!TryParseNumber(number, out var value)) return Reasons.BadBinding.With($"'{text}': {number} is no number (decimal or 0x)");
        var is32 = register.Names32.Contains(name.ToLowerInvariant());
        if (is32 && value > uint.MaxValue && value < 0xFFFF_FFFF_8000_0000) return Reasons.BadBinding.With($"'{text}': the value has more than 32 bits");
        return new EntryBinding(register.Full, is32 ? (uint)value : value, is32 ? 32 : 64);
    }

    private static bool TryParseNumber(string text, out ulong value)
    {
        if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)) return ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
        if (ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value)) return true;
        var isNegative = long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var signed);
        value = unchecked((ulong)signed);
        return isNegative;
    }
}
