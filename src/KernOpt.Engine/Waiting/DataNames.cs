using KernOpt.Binary;
using KernOpt.Code.Images;
using KernOpt.Engine.Sessions;
using KernOpt.Target;

namespace KernOpt.Engine.Waiting;

/// <summary>What lies at addresses of data: symbols of modules, places in modules, or the mapping that it is in.</summary>
internal sealed class DataNames(Session session)
{
    private readonly Dictionary<ModuleImage, IReadOnlyList<Symbol>> symbols = [];
    private readonly TargetMap map = session.Target.ReadMap();

    public string Of(Address at)
    {
        if (session.Program.ModuleAt(at) is { } module)
        {
            var inFile = module.ToFile(at);
            foreach (var symbol in SymbolsOf(module))
            {
                if (inFile.Value - symbol.Value.Value is var offset && offset < Math.Max(symbol.Size, 1)) return $"{module.Name}!{symbol.Name}{(offset == 0 ? "" : $"+0x{offset:x}")}";
            }
            return $"{module.Name}+0x{inFile.Value:x}";
        }
        if (map.At(at) is not { } mapping) return "memory that is gone";
        return mapping.Path.Length > 0 ? $"{mapping.Path}+0x{at - mapping.Range.Start:x}" : "memory without a name";
    }

    private IReadOnlyList<Symbol> SymbolsOf(ModuleImage module)
    {
        if (!symbols.TryGetValue(module, out var known)) symbols[module] = known = Read(module);
        return known;
    }

    private static List<Symbol> Read(ModuleImage module)
    {
        if (!module.File.Try(out var file, out _)) return [];
        IEnumerable<Symbol> all = [.. SymbolTable.ReadStatic(file.Image).Symbols, .. file.DynamicSymbols.Symbols];
        if (file.Image.BuildId.Length > 0 && module.Location.DebugFileByBuildId(Convert.FromHexString(file.Image.BuildId)) is { } bytes && ElfImage.Read(bytes).Try(out var debug, out _) && debug.BuildId == file.Image.BuildId)
            all = all.Concat(SymbolTable.ReadStatic(debug).Symbols);
        return [.. all.Where(s => s.IsDefined && s.Kind == SymbolKind.Object && s.Name.Length > 0)];
    }
}
