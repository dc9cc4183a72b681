using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Code.Graphs;

/// <summary>Tables before which a compiler compares nothing. Too few entries would be a target that nobody knows.</summary>
public sealed class TableExtentTests
{
    private const int Cases = 7;

    [Theory]
    [InlineData("exhaustive-O1", "-O1")]
    [InlineData("exhaustive-O2", "-O2")]
    [InlineData("exhaustive-cet", "-O2", "-fcf-protection=full")]
    public void ExhaustiveSwitch_HasAllCases_OrIsRefused(string name, params string[] options)
    {
        var file = BinaryFile.Open(Compiler.Build("exhaustive.c", name, [.. options, "-fPIE", "-pie"]));
        var resolved = 0;
        foreach (var function in new[] { "first", "second", "third" }.Select(n => file.Module.Functions.Single(f => f.Names.Contains(n))))
        {
            if (!FunctionParser.Parse(function, file).Try(out var graph, out var why))
            {
                Assert.Equal(Reasons.UnprovedTableBound, why.Reason);
                continue;
            }
            var table = Assert.Single(graph.Blocks, b => b.End == BlockEnd.Table).Table!;
            Assert.InRange(table.Targets.Length, Cases, 2 * Cases);
            Assert.Equal(Cases, table.Targets.Take(Cases).Distinct().Count());
            resolved++;
        }
        // What follows the last may be named by nothing.
        Assert.InRange(resolved, 2, 3);
    }
}
