using System.Xml.Linq;
using KernOpt.Measure.Comparing;
using KernOpt.Measure.Exports;
using Xunit;

namespace KernOpt.Tests.Measure;

public sealed class ExportTests
{
    private static readonly (IReadOnlyList<string>, double)[] Rows = [(["app", "f;g"], 0.5), (["app", "h"], 0.25), (["app", "f;g"], 0.25)];

    [Fact]
    public void Folded_NamesWithSeparators_StayOneFrame()
        => Assert.Equal("app;f_g 500000\napp;h 250000\napp;f_g 250000\n", ProfileExports.Folded(Rows));

    [Fact]
    public void Speedscope_SamplesPointAtSharedFrames_AndWeightsAddUp()
    {
        var json = ProfileExports.Speedscope("app", Rows);
        var frames = json["shared"]!["frames"]!.AsArray().Select(f => (string)f!["name"]!).ToArray();
        Assert.Equal(["app", "f;g", "h"], frames);
        var profile = json["profiles"]![0]!;
        Assert.Equal("[[0,1],[0,2],[0,1]]", profile["samples"]!.ToJsonString());
        Assert.Equal((double)profile["endValue"]!, profile["weights"]!.AsArray().Sum(w => (double)w!), 12);
    }

    [Theory]
    [InlineData(20)]
    [InlineData(0)]
    public void Picture_IsWellFormed_WithADotPerUsableBlock_AlsoUnderAHostileName(int count)
    {
        var noise = new Noise(3);
        var settings = new AbSettings();
        AbBlock[] blocks = [.. Enumerable.Range(0, count).Select(_ => noise.NextBlock(0.8))];
        var verdict = AbTest.Decide(blocks, settings);
        var svg = XDocument.Parse(AbPicture.Svg("<f&g>\u0001\u001b", blocks, settings, verdict));
        Assert.Equal(count, svg.Descendants().Count(e => e.Name.LocalName == "circle"));
        Assert.DoesNotContain("NaN", svg.ToString());
        Assert.DoesNotContain("∞", svg.ToString());
    }
}
