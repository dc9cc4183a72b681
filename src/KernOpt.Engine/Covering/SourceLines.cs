using KernOpt.Binary.Lines;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Engine.Covering;

/// <summary>Lines of source by the blocks that their code is in: one is covered when any of its blocks was run. Of code about which nothing is known nothing is said.</summary>
internal sealed class SourceLines(ModuleImage module, LineTable table)
{
    private readonly Dictionary<int, Dictionary<int, bool>> lines = [];
    private readonly Dictionary<int, List<CoveredFunction>> functions = [];

    public void Add(FunctionGraph graph, Func<BasicBlock, int, bool?> hitOf, bool isHit)
    {
        foreach (var block in graph.Blocks)
        {
            for (var i = 0; i < block.Instructions.Length; i++)
            {
                if (hitOf(block, i) is not { } hit || table.At(module.ToFile(new Address(block.Instructions[i].IP))) is not { } row) continue;
                if (!lines.TryGetValue(row.File, out var of)) lines[row.File] = of = [];
                of[row.Line] = hit || of.GetValueOrDefault(row.Line);
            }
        }
        if (table.At(module.ToFile(graph.Function.Start)) is not { } begin) return;
        if (!functions.TryGetValue(begin.File, out var there)) functions[begin.File] = there = [];
        there.Add(new CoveredFunction(graph.Function.DisplayName, begin.Line, isHit));
    }

    public IReadOnlyList<CoveredFile> Files() =>
        [.. lines.Select(f => new CoveredFile(module.Name, table.Files[f.Key], f.Value, functions.GetValueOrDefault(f.Key, []))).OrderBy(f => f.Path, StringComparer.Ordinal)];
}
