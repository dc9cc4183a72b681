namespace KernOpt.Code.Images;

/// <summary>Names that somebody may have meant.</summary>
internal static class NearNames
{
    private const int Most = 3;
    private const int LongestCompared = 64;

    /// <summary>"; near: a, b, c", or nothing when none is near.</summary>
    public static string Suggest(string wanted, IEnumerable<string> known)
    {
        if (wanted.Length is 0 or > LongestCompared) return "";
        var limit = Math.Max(2, wanted.Length / 3);
        var near = known.Distinct()
            .Where(n => Math.Abs(n.Length - wanted.Length) <= limit && n.Length <= LongestCompared)
            .Select(n => (Name: n, Distance: Distance(wanted, n)))
            .Where(n => n.Distance <= limit)
            .OrderBy(n => n.Distance).ThenBy(n => n.Name, StringComparer.Ordinal)
            .Take(Most).Select(n => n.Name).ToList();
        return near.Count == 0 ? "" : $"; near: {string.Join(", ", near)}";
    }

    /// <summary>Levenshtein distance, letters' case aside, one row at a time.</summary>
    private static int Distance(string a, string b)
    {
        Span<int> row = stackalloc int[b.Length + 1];
        for (var j = 0; j <= b.Length; j++) row[j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var substituted = diagonal + (char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substituted, Math.Min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.Length];
    }
}
