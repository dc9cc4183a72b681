using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using KernOpt.Target;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace KernOpt.Engine.Policies;

/// <summary>What is wrong with a value, and which part of it (the whole where At is null).</summary>
internal readonly record struct ValueError(Reason Reason, string Message, YamlNode? At = null);

/// <summary>What one key takes: how it is read, what the editor's schema says of it, and how people are told.</summary>
internal abstract class ValueRule
{
    /// <summary>For people: "a share, 0%..100%".</summary>
    public abstract string Describe();

    /// <summary>The JSON schema of the value; it never rejects what <see cref="Read"/> takes.</summary>
    public abstract JsonObject Schema();

    /// <summary>The value, or what is wrong with it.</summary>
    public abstract (object? Value, ValueError? Error) Read(YamlNode node);

    protected (object? Value, ValueError? Error) WrongType(YamlNode node) => (null, new(Reasons.PolicyWrongType, $"expected {Describe()}, not {NameOf(node)}", node));

    protected (object? Value, ValueError? Error) OutOfRange(string text) => (null, new(Reasons.PolicyOutOfRange, $"{text} is out of range: expected {Describe()}"));

    /// <summary>A scalar that YAML's core schema would take for something else than text when it is not quoted.</summary>
    protected static bool IsPlain(YamlScalarNode scalar) => scalar.Style == ScalarStyle.Plain;

    private static string NameOf(YamlNode node) => node switch
    {
        YamlMappingNode => "a mapping",
        YamlSequenceNode => "a list",
        YamlScalarNode { Value: null or "" } => "nothing",
        YamlScalarNode scalar => $"\"{scalar.Value}\"",
        _ => "this",
    };
}

internal sealed class FlagRule : ValueRule
{
    public override string Describe() => "true or false";

    public override JsonObject Schema() => new() { ["type"] = "boolean" };

    public override (object? Value, ValueError? Error) Read(YamlNode node) => node switch
    {
        YamlScalarNode { Value: "true" } scalar when IsPlain(scalar) => (true, null),
        YamlScalarNode { Value: "false" } scalar when IsPlain(scalar) => (false, null),
        _ => WrongType(node),
    };
}

internal sealed partial class CountRule(long minimum, long maximum) : ValueRule
{
    public override string Describe() => minimum == maximum ? $"the number {minimum}" : $"a whole number, {minimum}..{maximum}";

    // Not "const" for a single number: NJsonSchema ignores it.
    public override JsonObject Schema() => minimum == maximum
        ? new() { ["type"] = "integer", ["enum"] = new JsonArray(minimum) }
        : new() { ["type"] = "integer", ["minimum"] = minimum, ["maximum"] = maximum };

    public override (object? Value, ValueError? Error) Read(YamlNode node)
    {
        if (node is not YamlScalarNode { Value: { } text } scalar || !IsPlain(scalar) || !Whole().IsMatch(text)) return WrongType(node);
        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= minimum && value <= maximum
            ? (value, null)
            : OutOfRange(text);
    }

    [GeneratedRegex("^-?(0|[1-9][0-9]*)$")]
    private static partial Regex Whole();
}

/// <summary>A word of a fixed set; it is read as the enumeration's value.</summary>
internal sealed class ChoiceRule<TChoice>(params (string Word, TChoice Value)[] choices) : ValueRule
    where TChoice : struct, Enum
{
    public override string Describe() => "one of " + string.Join(", ", choices.Select(c => c.Word));

    public override JsonObject Schema() => new() { ["type"] = "string", ["enum"] = new JsonArray([.. choices.Select(c => (JsonNode)c.Word)]) };

    public override (object? Value, ValueError? Error) Read(YamlNode node)
    {
        if (node is not YamlScalarNode { Value: { Length: > 0 } text }) return WrongType(node);
        foreach (var (word, value) in choices)
        {
            if (word == text) return (value, null);
        }
        var nearest = Spelling.Nearest(text, choices.Select(c => c.Word));
        return (null, new(Reasons.PolicyOutOfRange, $"\"{text}\" is not {Describe()}{(nearest is null ? "" : $"; did you mean \"{nearest}\"?")}"));
    }
}

/// <summary>Text with a length in characters; a regular expression where <paramref name="isPattern"/>.</summary>
internal sealed class TextRule(int maximumLength, bool isPattern = false) : ValueRule
{
    public override string Describe() => isPattern ? "a regular expression" : $"text of 1..{maximumLength} characters";

    public override JsonObject Schema() => new() { ["type"] = "string", ["minLength"] = 1, ["maxLength"] = maximumLength };

    public override (object? Value, ValueError? Error) Read(YamlNode node)
    {
        if (node is not YamlScalarNode { Value: { Length: > 0 } text } scalar || PlainText.IsOther(scalar)) return WrongType(node);
        if (text.Length > maximumLength) return (null, new(Reasons.PolicyOutOfRange, $"longer than {maximumLength} characters"));
        if (!isPattern) return (text, null);
        try
        {
            _ = new Regex(text, RegexOptions.NonBacktracking);
            return (text, null);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            return (null, new(Reasons.PolicyOutOfRange, $"not a regular expression that runs in linear time: {e.Message}"));
        }
    }
}

/// <summary>A list of texts: globs, or a command with its arguments.</summary>
internal sealed class TextListRule(int minimum, int maximum) : ValueRule
{
    private const int LongestText = 4_096;

    public override string Describe() => $"a list of {minimum}..{maximum} texts";

    public override JsonObject Schema() => new()
    {
        ["type"] = "array",
        ["minItems"] = minimum,
        ["maxItems"] = maximum,
        ["items"] = new JsonObject { ["type"] = "string", ["minLength"] = 1, ["maxLength"] = LongestText },
    };

    public override (object? Value, ValueError? Error) Read(YamlNode node)
    {
        if (node is not YamlSequenceNode list) return WrongType(node);
        var texts = new List<string>();
        foreach (var item in list.Children)
        {
            if (item is not YamlScalarNode { Value: { Length: > 0 and <= LongestText } text } scalar || PlainText.IsOther(scalar)) return WrongType(item);
            texts.Add(text);
        }
        return texts.Count >= minimum && texts.Count <= maximum ? ((IReadOnlyList<string>)texts, null) : OutOfRange($"a list of {texts.Count}");
    }
}

/// <summary>Which unquoted scalars are not text under YAML's core schema (YAML 1.2.2, section 10.3.2).</summary>
internal static partial class PlainText
{
    public static bool IsOther(YamlScalarNode scalar) => scalar.Style == ScalarStyle.Plain && Other().IsMatch(scalar.Value ?? "");

    [GeneratedRegex(@"^(~|null|Null|NULL|true|True|TRUE|false|False|FALSE|[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))?$")]
    private static partial Regex Other();
}
