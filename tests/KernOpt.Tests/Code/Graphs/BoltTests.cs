using KernOpt.Code.Graphs;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Code.Graphs;

/// <summary>Our graphs against those of llvm-bolt.</summary>
public sealed class BoltTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("O2-pie", "-O2")]
    [InlineData("O2-static-addresses", "-O2 -no-pie")]
    [InlineData("Os", "-Os")]
    [InlineData("O0", "-O0")]
    [InlineData("O3", "-O3 -fcf-protection -fno-reorder-blocks-and-partition")]
    public void Graphs_AreTheSameAsBolts(string name, string options) =>
        Compare(Compiler.Build("switches.c", name, [.. options.Split(' '), "-g", "-Wl,-q"]));

    [Fact]
    public void Graphs_AreTheSameAsBolts_OnGivenFiles()
    {
        foreach (var path in (Environment.GetEnvironmentVariable("KERNOPT_BOLT") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)) Compare(path);
    }

    [Fact]
    public void Comparer_FindsAPlantedWrongEdge()
    {
        var file = BinaryFile.Open(Compiler.Build("switches.c", "planted", ["-O2", "-g", "-Wl,-q"]));
        var function = file.Module.Functions.Single(f => f.Names.Contains("sort"));
        var graph = FunctionParser.Parse(function, file).Value;
        var bolt = BoltGraphs.Of(file.Path).Single(f => f.Address == function.Start.Value);
        Assert.Empty(GraphComparer.Differences(graph, bolt));

        var branch = graph.Blocks.First(b => b.End == BlockEnd.Branch);
        var wrong = branch with { Successors = [branch.Successors[0], branch.Successors[0]] };
        Assert.NotEmpty(GraphComparer.Differences(new FunctionGraph(function, graph.Blocks.SetItem(branch.Index, wrong)), bolt));
        var missing = branch with { Successors = [branch.Successors[1]] };
        Assert.NotEmpty(GraphComparer.Differences(new FunctionGraph(function, graph.Blocks.SetItem(branch.Index, missing)), bolt));
        var swapped = graph.Blocks.First(b => b.End == BlockEnd.Jump || b.End == BlockEnd.FallThrough);
        var elsewhere = swapped with { Successors = [graph.Blocks.First(b => !swapped.Successors.Contains(b.Index) && b.Index != 0).Index] };
        Assert.NotEmpty(GraphComparer.Differences(new FunctionGraph(function, graph.Blocks.SetItem(swapped.Index, elsewhere)), bolt));
    }

    private void Compare(string path)
    {
        var file = BinaryFile.Open(path);
        var differences = new List<string>();
        var compared = 0;
        foreach (var theirs in BoltGraphs.Of(path).Where(f => f.IsSimple && !f.IsFragment && f.Blocks.Count > 0))
        {
            if (file.FunctionAt(new Address(theirs.Address)) is not { IsFragment: false } function || function.Start.Value != theirs.Address) continue;
            if (!FunctionParser.Parse(function, file).Try(out var graph, out _)) continue;
            compared++;
            differences.AddRange(GraphComparer.Differences(graph, theirs));
        }
        output.WriteLine($"{path}: {compared} functions compared, {differences.Count} differences");
        foreach (var difference in differences.Take(40)) output.WriteLine(difference);
        Assert.True(compared >= 7, $"only {compared} functions were compared");
        Assert.Empty(differences);
    }
}
