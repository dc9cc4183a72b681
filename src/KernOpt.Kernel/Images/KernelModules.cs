using System.Globalization;
using KernOpt.Target;

namespace KernOpt.Kernel.Images;

/// <summary>Where the text of a loaded module lies.</summary>
/// <param name="Name">As lsmod(8) shows it.</param>
/// <param name="Text">Its executable section.</param>
/// <param name="Tables">Those of <see cref="KernelTables"/> that it has, with the bytes up to the next section.</param>
internal sealed record ModuleText(string Name, AddressRange Text, IReadOnlyList<(KernelTable Kind, AddressRange Range)> Tables);

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
            if (fields.Length < 6 || fields[4] != "Live" || !ulong.TryParse(fields[1], CultureInfo.InvariantCulture, out var bytes) || !HexAddress.TryRead(fields[5], out var start)) continue;
            if (Read(fields[0], Path.Combine(system, fields[0], "sections"), start, start + bytes) is { } module) found.Add(module);
        }
        return found;
    }

    private static ModuleText? Read(string name, string sections, Address start, Address end)
    {
        try
        {
            var places = Directory.EnumerateFiles(sections).Select(f => (Name: Path.GetFileName(f), At: HexAddress.TryRead(File.ReadAllText(f).Trim(), out var at) ? at : Address.Zero))
                .Where(s => s.At >= start && s.At <= end).OrderBy(s => s.At).ToList();
            AddressRange? Section(string section) => places.Find(s => s.Name == section).At is var at && at != Address.Zero
                && places.Where(s => s.At > at).Select(s => s.At).FirstOrDefault(end) is var next && next > at ? AddressRange.Between(at, next) : null;
            if (Section(".text") is not { } text) return null;
            return new ModuleText(name, text, [.. KernelTables.All.Select(t => (Kind: t, Range: Section(t.Section))).Where(t => t.Range is not null).Select(t => (t.Kind, t.Range!.Value))]);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It was unloaded meanwhile.
            return null;
        }
    }
}
