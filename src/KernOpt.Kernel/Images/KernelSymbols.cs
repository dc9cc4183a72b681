using KernOpt.Target;

namespace KernOpt.Kernel.Images;

/// <summary>A name that the kernel gives a place in its text. Size: up to the next such place, padding included.</summary>
internal readonly record struct KernelSymbol(string Name, Address Start, ulong Size, bool IsGlobal);

/// <summary>
/// /proc/kallsyms: a line "ADDRESS TYPE NAME" each, and "[MODULE]" behind those of modules (kernel/kallsyms.c). Types as nm(1) has them: t and w are text, capital letters
/// are global. Without the right to see addresses they are all 0.
/// </summary>
internal static class KernelSymbols
{
    public const string Place = "/proc/kallsyms";

    /// <summary>Symbols of the text in each of the ranges, ascending; aliases have the same size.</summary>
    public static IReadOnlyList<IReadOnlyList<KernelSymbol>> Of(IEnumerable<string> lines, IReadOnlyList<AddressRange> texts)
    {
        var found = texts.Select(_ => new List<(Address At, string Name, bool IsGlobal)>()).ToList();
        foreach (var line in lines)
        {
            if (!TryRead(line, out var at, out var type, out var name) || !char.IsAsciiLetter(type) || char.ToLowerInvariant(type) is not ('t' or 'w')) continue;
            for (var i = 0; i < texts.Count; i++)
            {
                if (texts[i].Contains(at)) found[i].Add((at, name, char.IsUpper(type)));
            }
        }
        return [.. found.Zip(texts).Select(pair => WithSizes(pair.First, pair.Second.End))];
    }

    /// <summary>Where symbols of these names are, of whatever kind, in the kernel itself.</summary>
    public static IReadOnlyDictionary<string, Address> Named(IEnumerable<string> lines, IReadOnlySet<string> names)
    {
        var found = new Dictionary<string, Address>();
        foreach (var line in lines)
        {
            if (TryRead(line, out var at, out _, out var name) && names.Contains(name)) found.TryAdd(name, at);
        }
        return found;
    }

    private static List<KernelSymbol> WithSizes(List<(Address At, string Name, bool IsGlobal)> places, Address end)
    {
        var symbols = new List<KernelSymbol>(places.Count);
        places.Sort((a, b) => a.At.CompareTo(b.At));
        var next = end;
        for (var i = places.Count - 1; i >= 0; i--)
        {
            if (i + 1 < places.Count && places[i + 1].At > places[i].At) next = places[i + 1].At;
            symbols.Add(new KernelSymbol(places[i].Name, places[i].At, next.Value - places[i].At.Value, places[i].IsGlobal));
        }
        symbols.Reverse();
        return symbols;
    }

    private static bool TryRead(string line, out Address at, out char type, out string name)
    {
        (at, type, name) = (Address.Zero, ' ', "");
        var space = line.IndexOf(' ', StringComparison.Ordinal);
        if (space <= 0 || space + 3 >= line.Length || !HexAddress.TryRead(line.AsSpan(0, space), out at)) return false;
        var tab = line.IndexOf('\t', space + 3);
        (type, name) = (line[space + 1], tab < 0 ? line[(space + 3)..] : line[(space + 3)..tab]);
        return true;
    }
}
