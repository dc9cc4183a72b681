using System.Globalization;
using System.Text.RegularExpressions;
using KernOpt.Code.Graphs;
using Xunit;

namespace KernOpt.Tests.Code.Graphs;

/// <summary>
/// Our instruction boundaries against objdump's, which sweeps linearly from each function's start, and how many functions are resolved.
/// KERNOPT_PARSE=/path:/path adds files.
/// </summary>
public sealed partial class ObjdumpTests(ITestOutputHelper output)
{
    private static readonly string[] Samples = ["/usr/bin/bash", "/usr/bin/sort", "/usr/bin/find"];

    [Fact]
    public void Instructions_AreWhereObjdumpHasThem_AndNearlyAllFunctionsAreResolved()
    {
        foreach (var path in Samples.Concat((Environment.GetEnvironmentVariable("KERNOPT_PARSE") ?? "").Split(':')).Where(File.Exists)) Check(path);
    }

    [Fact]
    public void Check_FindsAPlantedWrongBoundary()
    {
        var file = BinaryFile.Open(Samples[0]);
        var starts = Starts(Samples[0]);
        var graph = file.Module.Functions.Where(f => !f.IsFragment).Select(f => FunctionParser.Parse(f, file)).First(o => o.IsDone && o.Value.Blocks.Length > 3).Value;
        Assert.Empty(Wrong(graph, starts));
        starts.Remove(graph.Blocks[2].Start.Value);
        Assert.Single(Wrong(graph, starts));
    }

    private void Check(string path)
    {
        var file = BinaryFile.Open(path);
        var starts = Starts(path);
        var functions = file.Module.Functions.Where(f => !f.IsFragment && !file.TryGetImport(f.Start, out _)).ToList();
        long instructions = 0, wrong = 0;
        var resolved = 0;
        foreach (var function in functions)
        {
            if (!FunctionParser.Parse(function, file).Try(out var graph, out var refusal))
            {
                output.WriteLine($"    {function.StableName}: {refusal}");
                continue;
            }
            resolved++;
            instructions += graph.Blocks.Sum(b => b.Instructions.Length);
            foreach (var at in Wrong(graph, starts))
            {
                wrong++;
                output.WriteLine($"    {function.StableName}: objdump has no instruction at 0x{at:x}");
            }
        }
        output.WriteLine($"{path}: {resolved} of {functions.Count} functions ({100.0 * resolved / functions.Count:f2} %), {instructions} instructions, {wrong} elsewhere than objdump's");
        Assert.Equal(0, wrong);
        Assert.True(resolved >= 0.99 * functions.Count, $"{path}: {resolved} of {functions.Count} functions were resolved");
    }

    private static IEnumerable<ulong> Wrong(FunctionGraph graph, HashSet<ulong> starts) =>
        graph.Blocks.SelectMany(b => b.Instructions).Select(i => i.IP).Where(ip => !starts.Contains(ip));

    private static HashSet<ulong> Starts(string path)
    {
        var starts = new HashSet<ulong>();
        foreach (Match m in Line().Matches(BinaryFile.Run("objdump", "-d", "--no-show-raw-insn", path))) starts.Add(ulong.Parse(m.Groups[1].Value, NumberStyles.HexNumber));
        return starts;
    }

    [GeneratedRegex(@"^\s*([0-9a-f]+):\t", RegexOptions.Multiline)]
    private static partial Regex Line();
}
