using System.Collections.Frozen;
using System.Collections.Immutable;
using KernOpt.Binary;

namespace KernOpt.Code.Images;

/// <summary>
/// The functions of a file: unwind entries say where functions start and end, symbols name them. A symbol that no unwind entry covers makes a function
/// of its own when it has a size; a symbol inside another function is a second entry or a label and makes none.
/// </summary>
internal sealed class FunctionTable
{
    private const string ColdMark = ".cold";

    private readonly List<FunctionFact> functions = [];
    private readonly Dictionary<string, List<FileAddress>> addresses = [];

    private FunctionTable()
    {
    }

    public static (ImmutableArray<FunctionFact> Functions, FrozenDictionary<string, ImmutableArray<FileAddress>> Addresses) Merge(
        ElfImage image, EhFrame unwind, ImportTable imports, IEnumerable<(SymbolTable Table, FunctionOrigin Origin)> sources)
    {
        var table = new FunctionTable();
        var names = table.Group(image, sources);
        var covered = unwind.Entries.Where(e => image.IsExecutable(e.Range.Start) && !Stubs.Holds(image, imports, e.Range)).ToList();
        foreach (var entry in covered) table.AddCovered(entry, names);
        table.AddUncovered(image, covered, names);
        table.functions.Sort((a, b) => a.Range.Start.CompareTo(b.Range.Start));
        return ([.. table.functions], table.addresses.ToFrozenDictionary(p => p.Key, p => p.Value.Distinct().ToImmutableArray()));
    }

    /// <summary>Code symbols by address. The name of an indirect function is that of its resolver plus ".resolver": the code there is the resolver.</summary>
    private Dictionary<FileAddress, List<NamedSymbol>> Group(ElfImage image, IEnumerable<(SymbolTable Table, FunctionOrigin Origin)> sources)
    {
        var groups = new Dictionary<FileAddress, List<NamedSymbol>>();
        foreach (var (symbols, origin) in sources)
        {
            foreach (var symbol in symbols.Symbols)
            {
                if (!symbol.IsCode || !image.IsExecutable(symbol.Value)) continue;
                if (!groups.TryGetValue(symbol.Value, out var group)) groups.Add(symbol.Value, group = []);
                var named = NamedSymbol.From(symbol, origin);
                group.Add(named);
                if (!addresses.TryGetValue(named.Name, out var places)) addresses.Add(named.Name, places = []);
                places.Add(symbol.Value);
            }
        }
        return groups;
    }

    private void AddCovered(FrameEntry entry, Dictionary<FileAddress, List<NamedSymbol>> groups)
    {
        var (names, origin) = groups.TryGetValue(entry.Range.Start, out var group) ? Best(group) : ([], FunctionOrigin.UnwindTable);
        functions.Add(new FunctionFact(entry.Range, names, origin, entry.Lsda is not null, !entry.IsEnteredByCall || IsCold(names)));
    }

    /// <summary>Sizes of symbols are cut off at the next function: functions never overlap.</summary>
    private void AddUncovered(ElfImage image, List<FrameEntry> covered, Dictionary<FileAddress, List<NamedSymbol>> groups)
    {
        var next = 0;
        var end = default(FileAddress);
        foreach (var (start, group) in groups.OrderBy(g => g.Key))
        {
            while (next < covered.Count && covered[next].Range.Start <= start) end = Max(end, covered[next++].Range.End);
            var size = group.Max(s => s.Size);
            if (start < end || size == 0 || image.LoadedAt(start) is not { } segment) continue;
            var limit = segment.Range.End - start;
            if (next < covered.Count) limit = Math.Min(limit, covered[next].Range.Start - start);
            var range = new FileRange(start, Math.Min(size, limit));
            var (names, origin) = Best(group);
            functions.Add(new FunctionFact(range, names, origin, HasLandingPads: false, IsCold(names)));
            end = range.End;
        }
    }

    private static (ImmutableArray<string> Names, FunctionOrigin Origin) Best(List<NamedSymbol> group) =>
        ([.. group.Order().Select(s => s.Name).Distinct()], group.Min(s => s.Origin));

    private static bool IsCold(ImmutableArray<string> names) => names.Any(n => n.Contains(ColdMark, StringComparison.Ordinal));

    private static FileAddress Max(FileAddress a, FileAddress b) => a > b ? a : b;

    /// <summary>Exported before local, default versions before old ones, plain names before those with underscores; then by name, so that the order is stable.</summary>
    private sealed record NamedSymbol(string Name, FunctionOrigin Origin, ulong Size, int Rank) : IComparable<NamedSymbol>
    {
        public static NamedSymbol From(Symbol symbol, FunctionOrigin origin)
        {
            // Static tables keep the version in the name: "@@" marks the default one.
            var marked = symbol.Name.IndexOf("@@", StringComparison.Ordinal);
            var name = marked > 0 ? symbol.Name[..marked] : symbol.Name;
            if (symbol.Version.Length > 0) name = $"{name}@{symbol.Version}";
            if (symbol.Kind == SymbolKind.IndirectFunction) name += ModuleFile.ResolverMark;
            var binding = symbol.Binding switch { SymbolBinding.Local => 100, SymbolBinding.Weak => 1, _ => 0 };
            var underscores = name.Length - name.AsSpan().TrimStart('_').Length;
            return new NamedSymbol(name, origin, symbol.Size, (name.Contains('@') ? 1000 : 0) + binding + 10 * underscores);
        }

        public int CompareTo(NamedSymbol? other)
        {
            if (other is null) return 1;
            var byRank = Rank.CompareTo(other.Rank);
            return byRank != 0 ? byRank : string.CompareOrdinal(Name, other.Name);
        }
    }
}
