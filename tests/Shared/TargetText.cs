using System.Globalization;

namespace KernOpt.Tests.Shared;

/// <summary>Looks at a target without kernopt: whether its text is the files' and whether a region of KernOpt's is mapped.</summary>
internal static class TargetText
{
    public static bool HasRegion(int pid) => Regions(pid).Count > 0;

    /// <summary>The lines of the map that are KernOpt's.</summary>
    public static IReadOnlyList<string> Regions(int pid) => [.. File.ReadLines($"/proc/{pid}/maps").Where(l => l.Contains("memfd:kernopt", StringComparison.Ordinal))];

    /// <summary>A sum of all executable bytes of files.</summary>
    public static string Bytes(int pid)
    {
        using var memory = File.OpenRead($"/proc/{pid}/mem");
        using var sum = global::System.Security.Cryptography.IncrementalHash.CreateHash(global::System.Security.Cryptography.HashAlgorithmName.SHA1);
        foreach (var fields in File.ReadLines($"/proc/{pid}/maps").Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(f => f.Length >= 6 && f[1].Contains('x', StringComparison.Ordinal) && File.Exists(f[5])))
        {
            var range = fields[0].Split('-').Select(a => long.Parse(a, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToArray();
            var bytes = new byte[range[1] - range[0]];
            memory.Position = range[0];
            memory.ReadExactly(bytes);
            sum.AppendData(bytes);
        }
        return Convert.ToHexString(sum.GetHashAndReset());
    }

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
            var first = live.AsSpan(0, length).CommonPrefixLength(own.AsSpan(0, length));
            if (first == length) continue;
            var other = Enumerable.Range(first, length - first).Where(i => live[i] != own[i]).ToList();
            differences.Add($"{other.Count} bytes of {fields[5]}, at {string.Join(", ", other.Take(16).Select(i => $"{range[0] + i:x}"))} ({line})");
        }
        return differences;
    }
}
