using System.Globalization;
using System.Text.RegularExpressions;
using KernOpt.Binary;
using Xunit;

namespace KernOpt.Tests.Binary;

/// <summary>What we read of Debian's binaries is what binutils read.</summary>
public sealed partial class AgainstReadelfTests
{
    public static TheoryData<string> Binaries => RealBinaries.All;

    [Fact]
    public void At_least_ten_real_binaries_are_judged() => Assert.True(RealBinaries.Present.Count() >= 10, "install more of Debian's programs");

    [Theory]
    [MemberData(nameof(Binaries))]
    public void Unwind_entries_are_those_of_readelf(string path)
    {
        var expected = RealBinaries.Lines("readelf", "--debug-dump=frames", "-wN", path)
            .Select(line => FramePattern().Match(line)).Where(m => m.Success)
            .Select(m => (Hex(m.Groups[1].Value), Hex(m.Groups[2].Value))).Order().ToList();
        var frame = EhFrame.Read(RealBinaries.Read(path));
        Assert.NotEmpty(expected);
        Assert.Equal(expected, frame.Entries.Select(e => (e.Range.Start.Value, e.Range.End.Value)));
        Assert.Empty(frame.Findings);
    }

    [Theory]
    [MemberData(nameof(Binaries))]
    public void Symbols_are_those_of_readelf(string path)
    {
        var image = RealBinaries.Read(path);
        var expected = ReadelfSymbols(path);
        Assert.NotEmpty(expected[".dynsym"]);
        Assert.Equal(expected.GetValueOrDefault(".dynsym", []), Describe(SymbolTable.ReadDynamic(image)));
        Assert.Equal(expected.GetValueOrDefault(".symtab", []), Describe(SymbolTable.ReadStatic(image)));
    }

    [Theory]
    [MemberData(nameof(Binaries))]
    public void Build_id_soname_and_needed_are_those_of_readelf(string path)
    {
        var image = RealBinaries.Read(path);
        var buildId = RealBinaries.Lines("readelf", "-nW", path).Select(l => BuildIdPattern().Match(l)).FirstOrDefault(m => m.Success);
        Assert.Equal(buildId?.Groups[1].Value ?? "", image.BuildId);
        var dynamic = RealBinaries.Lines("readelf", "-dW", path).ToList();
        Assert.Equal(dynamic.Where(l => l.Contains("(NEEDED)")).Select(InBrackets), image.Needed);
        Assert.Equal(dynamic.Where(l => l.Contains("(SONAME)")).Select(InBrackets).FirstOrDefault(""), image.SoName);
        Assert.Empty(image.Findings);
    }

    [Theory]
    [MemberData(nameof(Binaries))]
    public void Stub_names_are_those_of_objdump(string path)
    {
        var image = RealBinaries.Read(path);
        var imports = ImportTable.Read(image, SymbolTable.ReadDynamic(image));
        var labels = RealBinaries.Lines("objdump", "-d", "-j", ".plt", "-j", ".plt.got", "-j", ".plt.sec", path)
            .Select(l => StubPattern().Match(l)).Where(m => m.Success && !m.Groups[2].Value.StartsWith("*ABS*", StringComparison.Ordinal)).ToList();
        foreach (var label in labels)
        {
            var found = imports.TryGetStub(new FileAddress(Hex(label.Groups[1].Value)), out var name);
            Assert.True(found, label.Value);
            Assert.Equal(label.Groups[2].Value, name);
        }
        Assert.Empty(imports.Findings);
    }

    private static Dictionary<string, List<string>> ReadelfSymbols(string path)
    {
        var tables = new Dictionary<string, List<string>>();
        var current = new List<string>();
        foreach (var line in RealBinaries.Lines("readelf", "-sW", path))
        {
            if (TablePattern().Match(line) is { Success: true } table) tables[table.Groups[1].Value] = current = [];
            else if (SymbolPattern().Match(line) is { Success: true } m && m.Groups[3].Value != "SECTION")
            {
                var size = m.Groups[2].Value.StartsWith("0x", StringComparison.Ordinal) ? Hex(m.Groups[2].Value[2..]) : ulong.Parse(m.Groups[2].Value);
                current.Add($"{Hex(m.Groups[1].Value):x} {size} {m.Groups[5].Value != "UND"} {m.Groups[7].Value}");
            }
        }
        return tables;
    }

    private static IEnumerable<string> Describe(SymbolTable table)
    {
        Assert.Empty(table.Findings);
        return table.Symbols.Where(s => s.Kind != SymbolKind.Section).Select(s => $"{s.Value.Value:x} {s.Size} {s.IsDefined} {s.Name}");
    }

    private static string InBrackets(string line) => line[(line.IndexOf('[') + 1)..line.LastIndexOf(']')];

    private static ulong Hex(string digits) => ulong.Parse(digits, NumberStyles.HexNumber);

    [GeneratedRegex(@" FDE cie=\w+ pc=(\w+)\.\.(\w+)")]
    private static partial Regex FramePattern();

    [GeneratedRegex(@"Build ID: (\w+)")]
    private static partial Regex BuildIdPattern();

    [GeneratedRegex(@"^(\w+) <(.+)@plt>:")]
    private static partial Regex StubPattern();

    [GeneratedRegex(@"^Symbol table '(.+)' contains")]
    private static partial Regex TablePattern();

    [GeneratedRegex(@"^ *\d+: (\w+) +(\w+) (\w+) +(\w+) +\w+ +(?:\[.*\] +)?(\w+)( ([^@ ]*)(@.*)?)?$")]
    private static partial Regex SymbolPattern();
}
