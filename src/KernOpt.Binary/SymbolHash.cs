using KernOpt.Target;

namespace KernOpt.Binary;

/// <summary>How many dynamic symbols there are, by the hash tables: nothing else tells when a file has no section headers.</summary>
internal static class SymbolHash
{
    public static ulong CountSymbols(ElfImage image, Findings findings)
    {
        if (image.Dynamic.TryGet(ElfFormat.DynamicHash, out var classic) && image.ViewAt(new FileAddress(classic)).TryUInt32(4, out var chains)) return chains;
        if (image.Dynamic.TryGet(ElfFormat.DynamicGnuHash, out var gnu) && TryCountGnu(image.ViewAt(new FileAddress(gnu)), out var count)) return count;
        findings.Add(Reasons.SymbolTableCorrupt, "no hash table tells the number of dynamic symbols");
        return 0;
    }

    /// <summary>
    /// The table: bucket count, first hashed symbol, filter words, shift; filter (8 bytes each); buckets (4); one chain word for each hashed symbol,
    /// whose lowest bit ends a chain. The last symbol is where the chain of the highest bucket ends.
    /// </summary>
    private static bool TryCountGnu(ByteView table, out ulong count)
    {
        count = 0;
        if (!table.TryUInt32(0, out var buckets) || !table.TryUInt32(4, out var first) || !table.TryUInt32(8, out var filterWords)) return false;
        var bucketsAt = 16 + 8UL * filterWords;
        var chainsAt = bucketsAt + 4UL * buckets;
        if (chainsAt > table.Length) return false;

        var last = 0u;
        for (ulong bucket = 0; bucket < buckets; bucket++) last = Math.Max(last, table.UInt32(bucketsAt + 4 * bucket));
        if (last < first)
        {
            count = first;
            return true;
        }
        for (ulong symbol = last; table.TryUInt32(chainsAt + 4 * (symbol - first), out var hash); symbol++)
        {
            if ((hash & 1) == 0) continue;
            count = symbol + 1;
            return true;
        }
        return false;
    }
}
