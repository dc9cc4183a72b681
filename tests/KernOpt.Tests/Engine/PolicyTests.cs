using System.Text.RegularExpressions;
using KernOpt.Engine.Policies;
using KernOpt.Target;
using NJsonSchema;
using Xunit;
using YamlDotNet.RepresentationModel;

namespace KernOpt.Tests.Engine;

public sealed class PolicyTests
{
    private static readonly string Root = Repository.Root;

    public static TheoryData<string> Shipped => [.. Directory.GetFiles(Path.Combine(Root, "policies"), "*.yaml").Select(f => Path.GetFileName(f)).Order()];

    /// <summary>Body (after "version: 1"), the place of the error, its number, a part of its text, and whether the schema can know.</summary>
    public static TheoryData<string, int, int, int, string, bool> Bad => new()
    {
        { "mdoe: act", 2, 1, 7004, "did you mean \"mode\"", true },
        { "budgets:\n  codesize: 64KiB", 3, 3, 7004, "did you mean \"codeSize\"", true },
        { "budgets:\n  zebra: 64KiB", 3, 3, 7004, "no such key: budgets.zebra", true },
        { "mode: atc", 2, 7, 7007, "did you mean \"act\"", true },
        { "techniques:\n  outline: yes", 3, 12, 7005, "true or false", true },
        { "techniques:\n  outline: \"true\"", 3, 12, 7005, "true or false", true },
        { "techniques:\n  maximumArguments: 7", 3, 21, 7007, "1..6", true },
        { "techniques:\n  maximumArguments: two", 3, 21, 7005, "whole number", true },
        { "techniques:\n  maximumArguments: 1.5", 3, 21, 7005, "whole number", true },
        { "techniques: [outline]", 2, 13, 7005, "expected a mapping", true },
        { "thresholds:\n  minimumShare: 3", 3, 17, 7006, "no unit", true },
        { "thresholds:\n  minimumShare: 3ms", 3, 17, 7006, "\"ms\" is not its unit", true },
        { "thresholds:\n  minimumShare: 101%", 3, 17, 7007, "out of range", false },
        { "comparison:\n  window: 200", 3, 11, 7006, "no unit", true },
        { "comparison:\n  window: 1ms", 3, 11, 7007, "out of range", false },
        { "comparison:\n  window: 1e999s", 3, 11, 7005, "a duration", true },
        { "budgets:\n  codeSize: 64kb", 3, 13, 7006, "KiB", true },
        { "sampling:\n  frequency: 99999999999999999999999999999999999999999Hz", 3, 14, 7007, "20kHz", false },
        { "sampling:\n  frequency: 1000000Hz", 3, 14, 7007, "20kHz", false },
        { "targets:\n  allow: redis", 3, 10, 7005, "a list", true },
        { "targets:\n  allow: [1]", 3, 11, 7005, "a list", true },
        { "targets:\n  allow: []", 3, 10, 7007, "out of range", true },
        { "objective:\n  pattern: \"(\"", 3, 12, 7007, "not a regular expression", false },
        { "objective:\n  kind: http", 2, 1, 7008, "objective.url is missing", false },
        { "objective:\n  kind: http\n  url: ftp://x/", 4, 3, 7007, "http or https", false },
        { "regression:\n  guardHitRate: 99%", 3, 3, 7009, "thresholds.constancy", false },
        { "validation:\n  runs: 5\n  minimum: 6", 4, 3, 7009, "no version could ever pass", false },
        { "comparison:\n  maximumDuration: 1s", 3, 3, 7009, "lengthen it", false },
    };

    [Theory]
    [MemberData(nameof(Shipped))]
    public void ShippedPolicy_IsValidForReaderAndSchema_AndNamesTheSchema(string file)
    {
        var path = Path.Combine(Root, "policies", file);
        Assert.True(PolicyFile.Load(path).IsDone, $"{PolicyFile.Load(path)}");
        Assert.Empty(SchemaErrors(File.ReadAllText(path)));
        Assert.StartsWith("# yaml-language-server: $schema=./schema.json\n", File.ReadAllText(path));
    }

    [Fact]
    public void ShippedPolicies_AreTheFiveThatArePromised()
        => Assert.Equal(["ab-experiment.yaml", "aggressive.yaml", "conservative.yaml", "default.yaml", "measure-only.yaml"], Shipped.Select(d => d.Data));

    [Fact]
    public void DefaultFile_SaysWhatTheBuiltInDefaultSays()
    {
        var file = PolicyFile.Load(Path.Combine(Root, "policies", "default.yaml")).Value;
        Assert.Equal(Text(Policy.Default with { Targets = file.Targets, Functions = file.Functions }), Text(file));
        Assert.True(file.Functions.Allows("redis-server", "processCommand"));
        Assert.False(file.Functions.Allows("libc.so.6", "_setjmp"));
        Assert.False(file.Targets.Allows("systemd-journald"));
    }

    [Theory]
    [MemberData(nameof(Bad))]
    public void BadPolicy_IsRefusedAtItsPlace_BySchemaToo(string body, int line, int column, int reason, string text, bool schemaKnows)
    {
        var check = PolicyFile.CheckText("version: 1\n" + body + "\n", "mine.yaml");
        Assert.Null(check.Policy);
        var problem = Assert.Single(check.Problems);
        Assert.Contains(text, problem.Message);
        Assert.Equal((line, column, reason), (problem.Line, problem.Column, problem.Reason.Number));
        Assert.StartsWith($"mine.yaml:{line}:{column}: KO{reason} ", problem.ToString());
        Assert.Equal(schemaKnows, SchemaErrors("version: 1\n" + body + "\n").Count > 0);
    }

    [Theory]
    [InlineData("")]
    [InlineData("mode: dry-run")]
    [InlineData("targets:\n  deny: []")]
    [InlineData("targets: {allow: ['5', redis-server], deny: [\"true\"]}")]
    [InlineData("thresholds: {minimumShare: 0.5%, minimumCallsPerSecond: 0}")]
    [InlineData("objective: {kind: command, command: [sh, -c, 'echo 5'], direction: higher}")]
    [InlineData("objective:\n  kind: http\n  url: http://127.0.0.1:9/metrics\n  metric: 'a_total{b=\"c\"}'\n  counter: true")]
    [InlineData("functions: {modules: {deny: ['*.so*']}}")]
    public void GoodPolicy_IsTakenByReaderAndSchema(string body)
    {
        var check = PolicyFile.CheckText("version: 1\n" + body + "\n", "mine.yaml");
        Assert.True(check.Policy is not null, string.Join('\n', check.Problems));
        Assert.Empty(SchemaErrors("version: 1\n" + body + "\n"));
    }

    [Theory]
    [InlineData("version: 2", 7007, true)]
    [InlineData("mode: act", 7008, true)]
    [InlineData("- version: 1", 7003, true)]
    [InlineData("", 7003, false)]
    [InlineData("version: 1\nversion: 1", 7003, false)]
    [InlineData("version: 1\n  mode: act", 7003, false)]
    [InlineData("version: 1\n---\nversion: 1", 7003, false)]
    [InlineData("version: 1\ntargets: &a\n  allow: [x]\nfunctions: *a", 7003, false)]
    [InlineData("version: 1\ntargets: \"unclosed", 7003, false)]
    [InlineData("version: 1\n\tmode: act", 7003, false)]
    public void BrokenDocument_IsOneClearError(string text, int reason, bool schemaCanRead)
    {
        var check = PolicyFile.CheckText(text, "x.yaml");
        Assert.Equal(reason, Assert.Single(check.Problems).Reason.Number);
        if (schemaCanRead) Assert.NotEmpty(SchemaErrors(text));
    }

    [Fact]
    public void DeepNesting_IsRefused_BeforeAnythingRecurses()
        => Assert.Contains("nested deeper", Assert.Single(PolicyFile.CheckText("version: 1\ntargets: " + new string('[', 100_000), "x").Problems).Message);

    [Fact]
    public void AllErrorsAreListed_InOrderOfPlace()
    {
        var problems = PolicyFile.CheckText("version: 1\nzzz: 1\nbudgets:\n  codeSize: 1\n  profilingCost: 99\nmode: x\n", "p.yaml").Problems;
        Assert.Equal([2, 4, 5, 6], problems.Select(p => p.Line));
    }

    [Theory]
    [InlineData("/nonexistent/p.yaml")]
    [InlineData("/")]
    public void FileThatCannotBeRead_Is7001(string path) => Assert.Equal(7001, PolicyFile.Load(path).Refusal.Reason.Number);

    [Fact]
    public void Schema_InTheRepository_IsTheReadersOwn() => AssertGolden("policies/schema.json", _ => PolicyDocuments.Schema());

    [Fact]
    public void Table_InTheDocumentation_IsTheReadersOwn()
        => AssertGolden("src/docs/policies.md", old => Regex.Replace(old, @"\| key \| takes[\s\S]*?(?=\n\n|\z)", _ => PolicyDocuments.Table().TrimEnd()));

    [Fact]
    public void EveryKey_HasADefaultThatItsOwnRuleTakes()
    {
        foreach (var key in PolicyKeys.All.Where(k => k.Default(Policy.Default) is not ("–" or "the first number")))
        {
            var text = key.Steps.Select((s, i) => new string(' ', 2 * i) + s + ":").Aggregate((a, b) => a + "\n" + b) + " " + key.Default(Policy.Default);
            var check = PolicyFile.CheckText("version: 1\n" + text + "\n", "x");
            Assert.True(check.Policy is not null, $"{key.Path}: {string.Join(';', check.Problems)}");
            Assert.Equal(Text(Policy.Default with { Name = "x" }), Text(check.Policy));
        }
    }

    private static void AssertGolden(string file, Func<string, string> make)
    {
        var path = Path.Combine(Root, file);
        var old = File.Exists(path) ? File.ReadAllText(path) : "";
        var made = make(old);
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1") File.WriteAllText(path, made);
        Assert.True(made == File.ReadAllText(path), $"{file} is not what the reader says; run with UPDATE_GOLDEN=1 to write it anew");
    }

    private static ICollection<NJsonSchema.Validation.ValidationError> SchemaErrors(string yaml)
    {
        var schema = JsonSchema.FromJsonAsync(File.ReadAllText(Path.Combine(Root, "policies", "schema.json"))).GetAwaiter().GetResult();
        var stream = new YamlStream();
        stream.Load(new StringReader(yaml));
        return schema.Validate(Json(stream.Documents[0].RootNode));
    }

    /// <summary>As an editor's YAML server sees it: unquoted numbers, true, false and null are no text.</summary>
    private static string Json(YamlNode node) => node switch
    {
        YamlMappingNode m => "{" + string.Join(",", m.Children.Select(c => $"{Quote($"{c.Key}")}:{Json(c.Value)}")) + "}",
        YamlSequenceNode s => "[" + string.Join(",", s.Children.Select(Json)) + "]",
        YamlScalarNode { Style: YamlDotNet.Core.ScalarStyle.Plain, Value: { } v } when v is "true" or "false" or "null" || Regex.IsMatch(v, @"^-?[0-9]+(\.[0-9]+)?$") => v,
        YamlScalarNode { Value: null or "" } => "null",
        YamlScalarNode s => Quote(s.Value!),
        _ => throw new InvalidOperationException(),
    };

    private static string Text(Policy policy) => System.Text.Json.JsonSerializer.Serialize(policy);

    private static string Quote(string text) => System.Text.Json.JsonSerializer.Serialize(text);
}
