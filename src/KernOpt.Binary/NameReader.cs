using KernOpt.Target;

namespace KernOpt.Binary;

/// <summary>
/// Names out of a string table. Hostile offsets can make many long names of one short table, so all names of a table together are limited to
/// eight times its size and 1 MiB; linkers merge equal endings, which in practice does not even double it.
/// </summary>
internal sealed class NameReader(ByteView strings, Findings findings)
{
    private const int LongestName = 1 << 16;
    private readonly Dictionary<ulong, string> known = [];
    private long budget = checked(8L * strings.Bytes.Length + (1 << 20));

    /// <summary>As it can be shown; "" for a name that is empty, not terminated, too long, or outside of the table.</summary>
    public string At(ulong offset)
    {
        if (offset == 0) return "";
        if (known.TryGetValue(offset, out var name)) return name;
        if (budget <= 0 || !strings.TryText(offset, LongestName, out name))
        {
            findings.Add(Reasons.SymbolNameCorrupt, $"name at +0x{offset:x} of a table of {strings.Length:n0} bytes");
            name = "";
            budget -= LongestName;
        }
        name = VisibleText.Of(name);
        budget -= name.Length + 1;
        known.Add(offset, name);
        return name;
    }
}
