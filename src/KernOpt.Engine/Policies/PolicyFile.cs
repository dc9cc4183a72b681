using System.Text;
using KernOpt.Target;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.RepresentationModel;

namespace KernOpt.Engine.Policies;

/// <summary>One error of a policy file. Line and Column count from 1; 0 where the file as a whole is meant.</summary>
public sealed record PolicyProblem(string File, int Line, int Column, Reason Reason, string Message)
{
    /// <summary>"policies/mine.yaml:3:5: KO7004 no such key: …".</summary>
    public override string ToString() => Line == 0 ? $"{File}: KO{Reason.Number} {Message}" : $"{File}:{Line}:{Column}: KO{Reason.Number} {Message}";
}

/// <summary>The policy that a file holds, or all of its errors, ordered by place.</summary>
public sealed record PolicyCheck(Policy? Policy, IReadOnlyList<PolicyProblem> Problems);

/// <summary>Reads policies. Files are untrusted: size and depth are limited, aliases are refused.</summary>
public static class PolicyFile
{
    private const long LargestFile = 256 * 1024;
    private const int DeepestNesting = 16;

    /// <summary>The policy; else KO7001, or KO7002 whose detail holds one line per error.</summary>
    public static Outcome<Policy> Load(string path)
    {
        var check = Check(path);
        if (check.Policy is { } policy) return policy;
        var reason = check.Problems is [{ Reason.Number: 7001 }] ? Reasons.PolicyUnreadable : Reasons.PolicyInvalid;
        return reason.With(reason == Reasons.PolicyUnreadable ? $"{path} {check.Problems[0].Message}" : string.Join('\n', check.Problems));
    }

    public static PolicyCheck Check(string path)
    {
        try
        {
            var file = new FileInfo(path);
            if (Directory.Exists(path)) return Unreadable(path, "is a directory");
            if (!file.Exists) return Unreadable(path, "does not exist");
            if (file.Length > LargestFile) return Unreadable(path, $"is larger than {LargestFile / 1024} KiB");
            return CheckText(File.ReadAllText(path, new UTF8Encoding(false, throwOnInvalidBytes: true)), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DecoderFallbackException or ArgumentException)
        {
            return Unreadable(path, e is DecoderFallbackException ? "is not UTF-8 text" : e.Message);
        }
    }

    /// <summary>Reads a policy out of text; <paramref name="name"/> stands in the errors where the file's would.</summary>
    public static PolicyCheck CheckText(string text, string name)
    {
        try
        {
            if (Shape(text) is { } wrong) return Failed(name, [new(name, (int)wrong.At.Line, (int)wrong.At.Column, Reasons.PolicyBadYaml, wrong.Message)]);
            var stream = new YamlStream();
            stream.Load(new StringReader(text));
            var reading = new PolicyReading(name);
            reading.Read((YamlMappingNode)stream.Documents[0].RootNode);
            return reading.Problems.Count > 0
                ? Failed(name, reading.Problems)
                : new(reading.Policy with { Name = Path.GetFileNameWithoutExtension(name) }, []);
        }
        catch (YamlException e)
        {
            return Failed(name, [new(name, (int)e.Start.Line, (int)e.Start.Column, Reasons.PolicyBadYaml, e.Message)]);
        }
    }

    /// <summary>Walks the parser's events, which needs no recursion, before the tree is built: one document, a mapping, not too deep, no aliases.</summary>
    private static (Mark At, string Message)? Shape(string text)
    {
        var parser = new Parser(new StringReader(text));
        int depth = 0, documents = 0;
        ParsingEvent? root = null;
        while (parser.MoveNext())
        {
            var current = parser.Current!;
            depth += current.NestingIncrease;
            if (depth > DeepestNesting) return (current.Start, $"nested deeper than {DeepestNesting} levels");
            if (current is AnchorAlias) return (current.Start, "aliases are not taken in a policy: write the value out");
            if (current is DocumentStart && ++documents > 1) return (current.Start, "a second document in the file");
            if (root is null && current is NodeEvent) root = current;
        }
        if (root is null) return (new Mark(0, 1, 1), "the file is empty");
        return root is MappingStart ? null : (root.Start, "a policy is a mapping (key: value)");
    }

    private static PolicyCheck Unreadable(string path, string why) => Failed(path, [new(path, 0, 0, Reasons.PolicyUnreadable, why)]);

    private static PolicyCheck Failed(string name, IReadOnlyList<PolicyProblem> problems)
        => new(null, [.. problems.OrderBy(p => p.Line).ThenBy(p => p.Column).Select(p => p with { File = name })]);
}
