using System.Xml.Linq;
using KernOpt.Cli.Output;
using KernOpt.Engine.Reports;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Cli;

/// <summary>Stacks as other tools read them.</summary>
public sealed class StackFilesTests
{
    private static readonly StacksReport Report = new(
        [
            new StackRow(5, 0.5, "complete", [Frame("leaf", 4), Frame("a;b", 9), Frame("main", 30)]),
            new StackRow(3, 0.3, "complete", [Frame("leaf", 4), Frame("a;b", 12), Frame("main", 30)]),
            new StackRow(2, 0.2, "truncated", [Frame("leaf", 4), new StackFrameRow(new Address(0x99), null, null, null)]),
        ], 10, 2, 0, 0);

    [Fact]
    public void Folded_OneLineForStacksOfTheSameFunctions() =>
        Assert.Equal("main;a_b;leaf 8\n[truncated];0x99;leaf 2\n", StackFiles.Folded(Report));

    [Fact]
    public void Flame_ABoxForEachFunction_AsWideAsItsShare()
    {
        var boxes = XDocument.Parse(FlamePicture.Of("a <program>", Report)).Descendants().Where(e => e.Name.LocalName == "g")
            .ToDictionary(g => g.Elements().First().Value.Split(':')[0] + (g.Elements().First().Value.Contains("leaf: 2", StringComparison.Ordinal) ? " 2" : ""), g => double.Parse(g.Elements().ElementAt(1).Attribute("width")!.Value));
        Assert.Equal(["0x99", "[truncated]", "a;b", "all", "leaf", "leaf 2", "main"], boxes.Keys.Order(StringComparer.Ordinal));
        Assert.InRange(boxes["main"] / boxes["all"], 0.79, 0.81);
        Assert.InRange(boxes["leaf 2"] / boxes["all"], 0.19, 0.21);
    }

    private static StackFrameRow Frame(string function, ulong offset) => new(new Address(0x1000 + offset), "program", function, offset);
}
