using System.Globalization;

namespace KernOpt.Tests.Shared;

/// <summary>Looks at a target without kernopt: whether its text is the files' and whether a region of KernOpt's is mapped.</summary>
internal static class TargetText
{
    public static bool HasRegion(int pid) => File.ReadAllText($"/proc/{pid}/maps").Contains("memfd:kernopt", StringComparison.Ordinal);

    /// <summary>Executable mappings of files whose bytes are not the file's.</summary>
    public static IReadOnlyList<string> Differences(int pid)
    {
        var differences = new List<string>();
        using var memory = File.OpenRead($"/proc/{pid}/mem");
        foreach (var line in File.ReadLines($"/proc/{pid}/maps"))
        {
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length < 6 || !fields[1].Contains('x', StringComparison.Ordinal) || !File.Exists(fields[5])) continue;
            var range = fields[0].Split('-').Select(a => long.Parse(a, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToArray();
            using var file = File.OpenRead(fields[5]);
            file.Position = long.Parse(fields[2], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            memory.Position = range[0];
            byte[] live = new byte[range[1] - range[0]], own = new byte[range[1] - range[0]];
            memory.ReadExactly(live);
            var length = file.ReadAtLeast(own, own.Length, throwOnEndOfStream: false);
            if (!live.AsSpan(0, length).SequenceEqual(own.AsSpan(0, length))) differences.Add(line);
        }
        return differences;
    }
}
