using System.Xml.Linq;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Architecture;

/// <summary>Holds the arrows of src/docs/architecture.md, the numbers of the reasons, and the shape of the repository.</summary>
public sealed class ArchitectureTests
{
    private static readonly Dictionary<string, string[]> MayUse = new()
    {
        ["Target"] = [],
        ["Binary"] = ["Target"],
        ["Code"] = ["Target", "Binary"],
        ["Optimize"] = ["Target", "Code"],
        ["Linux"] = ["Target"],
        ["Kernel"] = ["Target", "Linux"],
        ["Live"] = ["Target", "Code"],
        ["Probes"] = ["Target", "Code", "Live"],
        ["Validate"] = ["Target", "Code", "Linux"],
        ["Measure"] = ["Target"],
        ["Engine"] = ["Target", "Binary", "Code", "Optimize", "Live", "Probes", "Validate", "Measure"],
        ["Cli"] = ["Target", "Engine", "Linux", "Kernel"],
    };

    [Fact]
    public void Projects_ReferenceOnly_WhatTheArchitectureAllows()
    {
        var found = References(Path.Combine(Repository.Root, "src"));
        Assert.Equal(MayUse.Keys.Order(), found.Keys.Order());
        Assert.Empty(Violations(found));
    }

    [Fact]
    public void Detector_CatchesAnArrowThatPointsUp()
    {
        var planted = new Dictionary<string, string[]> { ["Optimize"] = ["Target", "Live"] };
        Assert.Equal(["Optimize -> Live"], Violations(planted));
    }

    [Fact]
    public void ReasonNumbers_AreUnique_AndNamedLikeTheirField()
    {
        var fields = typeof(Reasons).GetFields().Where(f => f.FieldType == typeof(Reason)).ToList();
        Assert.NotEmpty(fields);
        Assert.All(fields, f => Assert.Equal(f.Name, ((Reason)f.GetValue(null)!).Name));
        Assert.Empty(Reasons.All.GroupBy(r => r.Number).Where(g => g.Count() > 1).Select(g => string.Join(", ", g)));
    }

    [Fact]
    public void EveryReason_IsDocumented()
    {
        var page = Path.Combine(Repository.Root, "src/docs/reasons.md");
        var rows = string.Concat(Reasons.All.Select(r => $"| KO{r.Number:0000} | `{r.Name}` | {r.Meaning} |\n"));
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1")
        {
            File.WriteAllText(page, "# Reasons\n\nWhat KernOpt refuses, it refuses with one of these numbers. Made from the code: `UPDATE_GOLDEN=1 ./tests/run`.\n\n"
                + "| number | name | meaning |\n| --- | --- | --- |\n" + rows);
        }
        var documented = File.ReadAllText(page);
        Assert.All(Reasons.All, r => Assert.Contains($"| KO{r.Number:0000} | `{r.Name}` | {r.Meaning} |", documented, StringComparison.Ordinal));
    }

    [Fact]
    public void TopLevel_HoldsOnlyTheRequiredNames()
    {
        string[] allowed = ["src", "tests", "policies", "KernOpt.sln", "README.md", "appsettings.json", "kernopt"];
        var odd = Directory.EnumerateFileSystemEntries(Repository.Root).Select(Path.GetFileName)
            .Where(name => !name!.StartsWith('.') && !allowed.Contains(name));
        Assert.Empty(odd);
    }

    [Fact]
    public void SourceFiles_StayReadable()
    {
        var sources = Directory.EnumerateFiles(Repository.Root, "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal));
        Assert.All(sources, f => Assert.InRange(File.ReadLines(f).Count(), 0, 400));
    }

    private static Dictionary<string, string[]> References(string sources) =>
        Directory.EnumerateFiles(sources, "*.csproj", SearchOption.AllDirectories).ToDictionary(
            project => Path.GetFileNameWithoutExtension(project)["KernOpt.".Length..],
            project => XDocument.Load(project).Descendants("ProjectReference")
                .Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value)["KernOpt.".Length..]).ToArray());

    private static IEnumerable<string> Violations(Dictionary<string, string[]> references) =>
        references.SelectMany(project => project.Value.Except(MayUse[project.Key]).Select(used => $"{project.Key} -> {used}"));
}
