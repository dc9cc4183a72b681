using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace KernOpt.Engine.Policies;

/// <summary>What is written about policies, out of the same list that the reader uses: the editors' schema and the table of the documentation.</summary>
public static class PolicyDocuments
{
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>
    /// The text of policies/schema.json (JSON schema draft 7). It knows keys, types, units, words and ranges of plain numbers; ranges of values
    /// with a unit, and what must hold between values, only the reader knows.
    /// </summary>
    public static string Schema()
    {
        var schema = ObjectSchema(KeyTree.Of(PolicyKeys.All));
        var head = new JsonObject { ["$schema"] = "http://json-schema.org/draft-07/schema#", ["title"] = "KernOpt policy" };
        foreach (var (name, value) in schema) head[name] = value?.DeepClone();
        head["required"] = new JsonArray("version");
        return head.ToJsonString(Indented) + "\n";
    }

    /// <summary>The table of docs/policies.md, in Markdown.</summary>
    public static string Table()
    {
        var table = new StringBuilder("| key | takes | default | meaning |\n| --- | --- | --- | --- |\n");
        foreach (var key in PolicyKeys.All)
            table.Append($"| `{key.Path}` | {key.Rule.Describe()} | {key.Default(Policy.Default)} | {key.Meaning} |\n");
        return table.ToString();
    }

    private static JsonObject ObjectSchema(KeyTree tree)
    {
        var properties = new JsonObject();
        foreach (var (name, child) in tree.Children)
        {
            var schema = child.Key is { } key ? key.Rule.Schema() : ObjectSchema(child);
            if (child.Key is { } leaf) schema["description"] = $"{leaf.Meaning} Takes {leaf.Rule.Describe()}; default {leaf.Default(Policy.Default)}.";
            properties[name] = schema;
        }
        return new JsonObject { ["type"] = "object", ["additionalProperties"] = false, ["properties"] = properties };
    }
}
