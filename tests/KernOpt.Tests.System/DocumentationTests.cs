using System.Text.Json;
using System.Text.RegularExpressions;
using KernOpt.Engine.Reports;
using Xunit;

namespace KernOpt.Tests.System;

/// <summary>src/docs/json.md is the contract of the documents: a field that it does not name is a broken promise, and so is one that is gone.</summary>
public sealed partial class DocumentationTests
{
    private static readonly string Text = File.ReadAllText(Path.Combine(Repository.Root, "src/docs/json.md"));

    [Fact]
    public void EveryFieldOfEveryReport_IsNamed()
    {
        foreach (var record in Records())
        {
            var section = Section(record.Name);
            Assert.True(section is not null, $"json.md has no section {record.Name}");
            foreach (var property in record.GetProperties())
            {
                var field = $"`{JsonNamingPolicy.CamelCase.ConvertName(property.Name)}`";
                Assert.True(section.Contains(field, StringComparison.Ordinal), $"{record.Name}: {field} is not in json.md");
            }
        }
    }

    [Fact]
    public void EveryFieldThatIsNamed_Exists()
    {
        foreach (var record in Records())
        {
            var fields = record.GetProperties().Select(p => JsonNamingPolicy.CamelCase.ConvertName(p.Name)).ToHashSet();
            foreach (Match row in FirstColumn().Matches(Section(record.Name) ?? "")) Assert.Contains(row.Groups[1].Value, fields);
        }
    }

    private static IEnumerable<Type> Records() => typeof(HotReport).Assembly.GetTypes().Where(t => t.Namespace == typeof(HotReport).Namespace && t is { IsPublic: true, IsAbstract: false });

    private static string? Section(string name)
    {
        var from = Text.IndexOf($"### {name}\n", StringComparison.Ordinal);
        if (from < 0) return null;
        var to = Text.IndexOf("\n##", from + 4, StringComparison.Ordinal);
        return to < 0 ? Text[from..] : Text[from..to];
    }

    [GeneratedRegex(@"^\| `(\w+)` \|", RegexOptions.Multiline)]
    private static partial Regex FirstColumn();
}
