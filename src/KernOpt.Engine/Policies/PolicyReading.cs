using KernOpt.Target;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace KernOpt.Engine.Policies;

/// <summary>One reading of a document: the policy as it grows, the errors, and where each key stood.</summary>
internal sealed class PolicyReading(string file)
{
    private static readonly KeyTree Root = KeyTree.Of(PolicyKeys.All);

    private readonly List<PolicyProblem> problems = [];
    private readonly Dictionary<string, Mark> places = [];

    public Policy Policy { get; private set; } = Policy.Default;

    public IReadOnlyList<PolicyProblem> Problems => problems;

    public void Read(YamlMappingNode document)
    {
        ReadMapping(document, Root, "");
        if (!places.ContainsKey("version")) Add(document.Start, Reasons.PolicyMissingKey, "\"version\" is missing: write \"version: 1\"");
        // A rule over several values would only repeat the errors of the single ones.
        if (problems.Count > 0) return;
        foreach (var rule in PolicyRules.All)
        {
            if (rule.Check(Policy) is { } broken) Add(PlaceOf(broken.Key) ?? document.Start, broken.Reason, broken.Message);
        }
    }

    private void ReadMapping(YamlMappingNode mapping, KeyTree tree, string prefix)
    {
        foreach (var (keyNode, value) in mapping.Children)
        {
            if (keyNode is not YamlScalarNode { Value: { } name })
            {
                Add(keyNode.Start, Reasons.PolicyWrongType, "a key must be a word");
                continue;
            }
            if (!tree.Children.TryGetValue(name, out var child))
            {
                var nearest = Spelling.Nearest(name, tree.Children.Keys);
                Add(keyNode.Start, Reasons.PolicyUnknownKey, $"no such key: {prefix}{name}{(nearest is null ? "" : $"; did you mean \"{nearest}\"?")}");
                continue;
            }
            places[prefix + name] = keyNode.Start;
            if (child.Key is { } key) ReadValue(key, value);
            else if (value is YamlMappingNode inner) ReadMapping(inner, child, $"{prefix}{name}.");
            else Add(value.Start, Reasons.PolicyWrongType, $"{prefix}{name}: expected a mapping of {string.Join(", ", child.Children.Keys)}");
        }
    }

    private void ReadValue(PolicyKey key, YamlNode node)
    {
        var (value, error) = key.Rule.Read(node);
        if (error is { } wrong) Add((wrong.At ?? node).Start, wrong.Reason, $"{key.Path}: {wrong.Message}");
        else Policy = key.Apply(Policy, value!);
    }

    /// <summary>Where the key, or the nearest mapping around it, stands.</summary>
    private Mark? PlaceOf(string path)
    {
        for (var at = path; at.Length > 0; at = at.LastIndexOf('.') is var dot and > 0 ? at[..dot] : "")
        {
            if (places.TryGetValue(at, out var mark)) return mark;
        }
        return null;
    }

    private void Add(Mark at, Reason reason, string message) => problems.Add(new(file, (int)at.Line, (int)at.Column, reason, message));
}

/// <summary>The keys by their steps: an inner node is a mapping, a leaf holds a value.</summary>
internal sealed class KeyTree
{
    public Dictionary<string, KeyTree> Children { get; } = new(StringComparer.Ordinal);

    public PolicyKey? Key { get; private set; }

    public static KeyTree Of(IEnumerable<PolicyKey> keys)
    {
        var root = new KeyTree();
        foreach (var key in keys)
        {
            var node = root;
            foreach (var step in key.Steps)
            {
                if (!node.Children.TryGetValue(step, out var next)) node.Children[step] = next = new KeyTree();
                node = next;
            }
            node.Key = key;
        }
        return root;
    }
}
