using System.Globalization;
using System.Text;
using KernOpt.Target;

namespace KernOpt.Linux.Memory;

/// <summary>The text of /proc/PID/maps (proc_pid_maps(5)).</summary>
internal static class MapsFile
{
    public const string DeletedMark = " (deleted)";

    /// <summary>The mappings of a process or thread, ascending; empty when it has no address space any more.</summary>
    public static List<Mapping> Read(int pid)
    {
        try
        {
            return Parse(File.ReadLines($"/proc/{pid}/maps", Encoding.UTF8));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>Lines that do not have the form are left out.</summary>
    public static List<Mapping> Parse(IEnumerable<string> lines)
    {
        var mappings = new List<Mapping>();
        foreach (var line in lines)
        {
            if (ParseLine(line) is { } mapping) mappings.Add(mapping);
        }
        return mappings;
    }

    // 7f1c2a400000-7f1c2a428000 r--p 00000000 08:01 131459     /usr/lib/x86_64-linux-gnu/libc.so.6
    private static Mapping? ParseLine(string line)
    {
        var parts = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length < 5 || parts[1].Length < 4) return null;
        var range = parts[0].Split('-');
        var device = parts[3].Split(':');
        if (range.Length != 2 || device.Length != 2) return null;
        if (!Hex(range[0], out var start) || !Hex(range[1], out var end) || end <= start || !Hex(parts[2], out var offset)) return null;
        if (!Hex(device[0], out var major) || !Hex(device[1], out var minor)) return null;
        if (!ulong.TryParse(parts[4], CultureInfo.InvariantCulture, out var inode)) return null;
        var protection = (parts[1][0] == 'r' ? Protection.Read : 0) | (parts[1][1] == 'w' ? Protection.Write : 0) | (parts[1][2] == 'x' ? Protection.Execute : 0);
        var path = parts.Length > 5 ? parts[5].TrimStart(' ').Replace("\\012", "\n", StringComparison.Ordinal) : "";
        return new(AddressRange.Between(new(start), new(end)), protection, offset, path, parts[1][3] == 'p', (major << 32) | minor, inode);
    }

    private static bool Hex(string text, out ulong value) => ulong.TryParse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out value);
}
