using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Tests.Code.Graphs;

/// <summary>
/// A program file as a code source, with all facts taken from binutils' own output, so that the parser is not judged by readers of the same house.
/// Functions are the FDEs of .eh_frame, named by symbols where there are any.
/// </summary>
internal sealed partial class BinaryFile : ICodeSource
{
    private readonly byte[] bytes;
    private readonly List<(ulong Address, ulong Offset, ulong Size, string Flags)> segments = [];
    private readonly Dictionary<ulong, string> imports = [];
    private readonly ulong[] starts;

    private BinaryFile(string path)
    {
        Path = path;
        bytes = File.ReadAllBytes(path);
        foreach (Match m in Segment().Matches(Run("readelf", "-lW", path)))
        {
            segments.Add((Hex(m, 2), Hex(m, 1), Hex(m, 3), m.Groups[4].Value));
        }
        foreach (Match m in Stub().Matches(Run("objdump", "-d", "--no-show-raw-insn", "-j.plt", "-j.plt.got", "-j.plt.sec", path)))
        {
            imports.TryAdd(Hex(m, 1), m.Groups[2].Value);
        }
        var location = new TargetModule(System.IO.Path.GetFileName(path), path, Address.Zero, default, [.. segments.Select(Mapped)], true, () => bytes, _ => null);
        var image = new ModuleImage(location, []);
        Module = new ModuleImage(location, [.. ReadFunctions(path, image)]);
        starts = [.. Module.Functions.Select(f => f.Start.Value)];
    }

    private Mapping Mapped((ulong Address, ulong Offset, ulong Size, string Flags) s)
    {
        var protection = Protection.Read | (s.Flags.Contains('E') ? Protection.Execute : 0) | (s.Flags.Contains('W') ? Protection.Write : 0);
        return new Mapping(new AddressRange(new Address(s.Address), s.Size), protection, s.Offset, Path, IsPrivate: true, 0, 1);
    }

    public string Path { get; }
    public ModuleImage Module { get; }

    public static BinaryFile Open(string path) => new(path);

    public static string Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output;
    }

    public int Read(Address from, Span<byte> into)
    {
        foreach (var s in segments)
        {
            if (from.Value < s.Address || from.Value >= s.Address + s.Size) continue;
            var count = (int)Math.Min((ulong)into.Length, s.Address + s.Size - from.Value);
            bytes.AsSpan((int)(from.Value - s.Address + s.Offset), count).CopyTo(into);
            return count;
        }
        return 0;
    }

    public bool IsExecutable(Address address) => segments.Any(s => s.Flags.Contains('E') && address.Value - s.Address < s.Size && address.Value >= s.Address);

    public bool IsConstantData(AddressRange range) =>
        segments.Any(s => !s.Flags.Contains('W') && new AddressRange(new Address(s.Address), s.Size).Contains(range));

    public Function? FunctionAt(Address address)
    {
        var i = Array.BinarySearch(starts, address.Value);
        if (i < 0) i = ~i - 1;
        return i >= 0 && Module.Functions[i].Range.Contains(address) ? Module.Functions[i] : null;
    }

    public bool TryGetImport(Address stub, [System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out string name) =>
        imports.TryGetValue(stub.Value, out name);

    /// <summary>binutils shows slots as relocations, which nothing here needs.</summary>
    public bool TryGetImportSlot(Address slot, [System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out string name)
    {
        name = null;
        return false;
    }

    private static IEnumerable<Function> ReadFunctions(string path, ModuleImage image)
    {
        var names = new Dictionary<ulong, List<string>>();
        foreach (Match m in Symbol().Matches(Run("readelf", "-sW", path)))
        {
            if (!names.TryGetValue(Hex(m, 1), out var list)) names.Add(Hex(m, 1), list = []);
            list.Add(m.Groups[2].Value);
        }
        var last = 0UL;
        foreach (Match m in Row().Matches(Run("readelf", "-wF", path)).OrderBy(m => Hex(m, 1)))
        {
            var (start, end) = (Hex(m, 1), Hex(m, 2));
            if (start < last || end <= start) continue;
            last = end;
            yield return new Function(image, new Address(start), end - start, names.TryGetValue(start, out var known) ? [.. known] : [], FunctionOrigin.UnwindTable)
            {
                // readelf prints no rows for an FDE that keeps its CIE's.
                IsFragment = m.Groups[3].Success && m.Groups[3].Value != "rsp+8",
            };
        }
    }

    private static ulong Hex(Match match, int group) => ulong.Parse(match.Groups[group].Value, NumberStyles.HexNumber);

    [GeneratedRegex(@"LOAD\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+0x[0-9a-f]+\s+0x([0-9a-f]+)\s+0x[0-9a-f]+\s+([RWE ]+?)\s+0x")]
    private static partial Regex Segment();

    [GeneratedRegex(@"^([0-9a-f]{16}) <([^>]+)@plt>:", RegexOptions.Multiline)]
    private static partial Regex Stub();

    [GeneratedRegex(@"^\s*\d+: ([0-9a-f]{16})\s+\d+ (?:FUNC|IFUNC)\s+\w+\s+\w+\s+\d+ ([^\s@]+)", RegexOptions.Multiline)]
    private static partial Regex Symbol();

    [GeneratedRegex(@"FDE cie=[0-9a-f]+ pc=([0-9a-f]+)\.\.([0-9a-f]+)(?:\n\s+LOC.*\n[0-9a-f]+ (\S+))?")]
    private static partial Regex Row();
}
