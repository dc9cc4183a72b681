using System.Globalization;
using KernOpt.Target;

namespace KernOpt.Kernel.Images;

/// <summary>Where the text of a loaded module lies.</summary>
internal readonly record struct ModuleText(string Name, AddressRange Text);

/// <summary>
/// The modules that are loaded and live: /proc/modules, and /sys/module/NAME/sections, a file with its address for each section that stays in memory
/// (kernel/module/sysfs.c). Text ends where the next section begins.
/// </summary>
internal static class KernelModules
{
    public static IReadOnlyList<ModuleText> Read(string proc = "/proc/modules", string system = "/sys/module")
    {
        var found = new List<ModuleText>();
        foreach (var fields in File.ReadLines(proc).Select(l => l.Split(' ')))
        {
            // name, bytes, references, users, state, address
            if (fields.Length < 6 || fields[4] != "Live" || !ulong.TryParse(fields[1], CultureInfo.InvariantCulture, out var bytes) || !TryAddress(fields[5], out var start)) continue;
            if (TextOf(Path.Combine(system, fields[0], "sections"), start, start + bytes) is { } text) found.Add(new ModuleText(fields[0], text));
        }
        return found;
    }

    private static AddressRange? TextOf(string sections, Address start, Address end)
    {
        try
        {
            var places = Directory.EnumerateFiles(sections).Select(f => (Name: Path.GetFileName(f), At: TryAddress(File.ReadAllText(f).Trim(), out var at) ? at : Address.Zero))
                .Where(s => s.At >= start && s.At <= end).OrderBy(s => s.At).ToList();
            var text = places.Find(s => s.Name == ".text");
            if (text.At == Address.Zero) return null;
            var next = places.Where(s => s.At > text.At).Select(s => s.At).FirstOrDefault(end);
            return next > text.At ? AddressRange.Between(text.At, next) : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It was unloaded meanwhile.
            return null;
        }
    }

    private static bool TryAddress(string text, out Address address)
    {
        var isRead = ulong.TryParse(text.AsSpan(text.StartsWith("0x", StringComparison.Ordinal) ? 2 : 0), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var value);
        address = new Address(value);
        return isRead && value != 0;
    }
}
