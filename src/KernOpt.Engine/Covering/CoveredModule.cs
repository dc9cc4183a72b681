using KernOpt.Binary;
using KernOpt.Binary.Lines;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Engine.Probing;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Target;

namespace KernOpt.Engine.Covering;

/// <summary>What of one module was run: by block, and by line of its sources, or of a listing where it does not tell them.</summary>
internal sealed record CoveredModule(CoverModuleRow Row, IReadOnlyList<CoveredFile> Files)
{
    public static CoveredModule Of(Session session, ModuleImage module, HitMarks marks, bool behindCalls)
    {
        var lines = LinesOf(module);
        var sources = new SourceLines(module, lines);
        var listing = new List<(string Text, bool? Hit, CoveredFunction? Function)>();
        int functions = 0, functionsHit = 0, blocks = 0, blocksHit = 0, unknown = 0;
        foreach (var function in module.Functions)
        {
            if (!session.Parse(function).Try(out var graph, out _)) continue;
            var hits = BlockHits.Of(graph, b => marks.Of(graph, b, 0), PointRules.Entries(session, graph));
            var isHit = hits.Any(h => h == true);
            functions++;
            functionsHit += isHit ? 1 : 0;
            blocks += hits.Length;
            blocksHit += hits.Count(h => h == true);
            unknown += hits.Count(h => h is null);
            if (lines.Rows.IsEmpty) List(graph, hits, isHit, listing);
            else sources.Add(graph, (block, index) => PartHit(marks, graph, block, index, hits, behindCalls), isHit);
        }
        var files = lines.Rows.IsEmpty ? [Listed(module, listing)] : sources.Files();
        var row = new CoverModuleRow(module.Name, functions, functionsHit, blocks, blocksHit, unknown, lines.Rows.IsEmpty ? null : files.Sum(f => f.Lines.Count), lines.Rows.IsEmpty ? null : files.Sum(f => f.LinesHit));
        return new CoveredModule(row, files);
    }

    /// <summary>What was run of the part that an instruction is in; that of the block where parts are not watched, or the block was not run at all.</summary>
    private static bool? PartHit(HitMarks marks, FunctionGraph graph, BasicBlock block, int index, bool?[] hits, bool behindCalls) =>
        !behindCalls || hits[block.Index] != true || BlockParts.PartOf(block, index) is not (> 0 and var part) ? hits[block.Index] : marks.Of(graph, block.Index, part);

    /// <summary>Of the module's own file, or of the separate debug file that has its build-id.</summary>
    private static LineTable LinesOf(ModuleImage module)
    {
        if (!module.Location.File().Then(bytes => ElfImage.Read(bytes)).Try(out var image, out _)) return LineTable.None;
        if (image.SectionNamed(".debug_line") is not null) return LineTable.Read(image);
        if (image.BuildId.Length == 0 || module.Location.DebugFileByBuildId(Convert.FromHexString(image.BuildId)) is not { } debug) return LineTable.None;
        return ElfImage.Read(debug).Try(out var separate, out _) && separate.BuildId == image.BuildId ? LineTable.Read(separate) : LineTable.None;
    }

    private static void List(FunctionGraph graph, bool?[] hits, bool isHit, List<(string, bool?, CoveredFunction?)> listing)
    {
        foreach (var block in graph.Blocks.Where(b => !b.Instructions.IsEmpty))
        {
            var text = $"{graph.Function.NameOf(block.Start)}  {string.Join("; ", block.Instructions.Select(i => Listing.Of(i)))}";
            listing.Add((text, hits[block.Index], block.Index == graph.EntryIndex ? new CoveredFunction(graph.Function.DisplayName, listing.Count + 1, isHit) : null));
        }
    }

    /// <summary>A file with a line for each block.</summary>
    private static CoveredFile Listed(ModuleImage module, List<(string Text, bool? Hit, CoveredFunction? Function)> listing) => new(module.Name, module.Location.Path,
        listing.Select((l, i) => (Line: i + 1, l.Hit)).Where(l => l.Hit is not null).ToDictionary(l => l.Line, l => l.Hit!.Value), [.. listing.Select(l => l.Function).OfType<CoveredFunction>()], [.. listing.Select(l => l.Text)]);
}
