using System.Collections.Frozen;
using System.Collections.Immutable;
using KernOpt.Binary;
using KernOpt.Target;

namespace KernOpt.Code.Images;

/// <summary>Everything that is known of a module out of its file, in the file's own addresses; nothing of it depends on where the module is loaded.</summary>
public sealed class ModuleFile
{
    /// <summary>Ends the name of a function that only chooses, when the program is loaded, which implementation a name (memcpy) gets.</summary>
    public const string ResolverMark = ".resolver";

    private readonly FrozenDictionary<string, ImmutableArray<FileAddress>> addresses;
    private readonly Lazy<UnwindHandling> handling;
    private readonly Lazy<FrozenSet<string>> exports;

    private ModuleFile(ElfImage image, SymbolTable dynamicSymbols, IReadOnlyList<(SymbolTable Table, FunctionOrigin Origin)> sources)
    {
        Image = image;
        DynamicSymbols = dynamicSymbols;
        Imports = ImportTable.Read(image, dynamicSymbols);
        Unwind = EhFrame.Read(image);
        (Functions, addresses) = FunctionTable.Merge(image, Unwind, Imports, sources);
        handling = new(() => UnwindHandlers.Of(this));
        exports = new(() => dynamicSymbols.Symbols.Where(s => s.IsCode && s.Binding != SymbolBinding.Local).Select(s => s.Name).ToFrozenSet());
        Findings = [.. image.Findings, .. sources.SelectMany(s => s.Table.Findings), .. Imports.Findings, .. Unwind.Findings];
    }

    public ElfImage Image { get; }
    public SymbolTable DynamicSymbols { get; }
    public ImportTable Imports { get; }
    public EhFrame Unwind { get; }

    /// <summary>Ascending by address, not overlapping, without the linker's stubs.</summary>
    public ImmutableArray<FunctionFact> Functions { get; }

    public ImmutableArray<Finding> Findings { get; }

    /// <summary>What its frames do when the stack is unwound through them.</summary>
    public UnwindHandling Handling => handling.Value;

    /// <summary>The names of the functions that other modules can be bound to.</summary>
    public IReadOnlySet<string> Exports => exports.Value;

    /// <summary>Names of code, also of such that is no function of its own (a second entry, a symbol without a size).</summary>
    public IEnumerable<string> Names => addresses.Keys;

    /// <summary>
    /// Reads a module. <paramref name="debugFile"/> answers the separate debug file for a build-id, or null; one whose own build-id differs is not used.
    /// </summary>
    public static Outcome<ModuleFile> Read(ReadOnlyMemory<byte> file, Func<byte[], byte[]?> debugFile)
    {
        if (!ElfImage.Read(file).Try(out var image, out var why)) return why;
        var dynamicSymbols = SymbolTable.ReadDynamic(image);
        var sources = new List<(SymbolTable, FunctionOrigin)> { (SymbolTable.ReadStatic(image), FunctionOrigin.SymbolTable) };
        if (sources[0].Item1.Symbols.IsEmpty && ReadDebugFile(image, debugFile) is { } debug) sources.Add((debug, FunctionOrigin.DebugFile));
        sources.Add((dynamicSymbols, FunctionOrigin.DynamicSymbols));
        return new ModuleFile(image, dynamicSymbols, sources);
    }

    /// <summary>Where code of this name is; empty when the file does not know the name.</summary>
    public ImmutableArray<FileAddress> AddressesOf(string name) => addresses.GetValueOrDefault(name, []);

    private static SymbolTable? ReadDebugFile(ElfImage image, Func<byte[], byte[]?> debugFile)
    {
        if (image.BuildId.Length == 0 || debugFile(Convert.FromHexString(image.BuildId)) is not { } bytes) return null;
        return ElfImage.Read(bytes).Try(out var debug, out _) && debug.BuildId == image.BuildId ? SymbolTable.ReadStatic(debug) : null;
    }
}
