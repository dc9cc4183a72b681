using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace KernOpt.Engine.Journaling;

/// <summary>Tells entries: as text for people, and as JSON.</summary>
public static class JournalStory
{
    private const int KindWidth = 12;
    private const string Indent = "                       ";

    /// <summary>
    /// The entries in order of time, a heading per target:
    /// <code>
    /// redis-server (pid 812) — pid:812:start:4711
    /// 2026-11-23 05:40:02Z  verdict     siphash, version 3: faster, 0.812 of the original's cost
    ///                       because KO6001 FasterOnLiveTraffic: The comparison showed …
    ///                       effect 0.812, interval [0.79, 0.835], blocksUsed 40
    /// </code>
    /// Names come from the target: control characters in them are shown, not sent to the terminal.
    /// </summary>
    public static string Tell(IEnumerable<JournalEntry> entries)
    {
        var story = new StringBuilder();
        var target = "";
        foreach (var entry in entries.OrderBy(e => e.Time).ThenBy(e => e.Id))
        {
            if (entry.Target != target)
            {
                if (story.Length > 0) story.Append('\n');
                story.Append(Visible(entry.TargetName.Length > 0 ? $"{entry.TargetName} — {entry.Target}" : entry.Target)).Append('\n');
                target = entry.Target;
            }
            TellOne(story, entry);
        }
        return story.Length > 0 ? story.ToString() : "The journal has nothing on this.\n";
    }

    /// <summary>{"entries": […]}, each with id, time, target, targetName, buildId, function, version, kind, reason (number, name, meaning, or null), text, evidence.</summary>
    public static JsonObject ToJson(IEnumerable<JournalEntry> entries) => new()
    {
        ["entries"] = new JsonArray([.. entries.OrderBy(e => e.Time).ThenBy(e => e.Id).Select(JsonOf)]),
    };

    private static void TellOne(StringBuilder story, JournalEntry entry)
    {
        var subject = (entry.Function, entry.Version) switch
        {
            ("", "") => "",
            ("", var version) => $"version {version}: ",
            (var function, "") => $"{function}: ",
            var (function, version) => $"{function}, version {version}: ",
        };
        var kind = JournalWords.Of(entry.Kind).Replace('-', ' ').PadRight(KindWidth - 1);
        story.Append($"{entry.Time.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z  {kind} {Visible(subject + entry.Text)}\n");
        if (entry.Reason is { } reason)
            story.Append(Indent).Append($"because {reason}{(reason.Meaning.Length > 0 ? ": " + reason.Meaning : "")}\n");
        if (entry.Evidence.Count > 0)
            story.Append(Indent).Append(Visible(string.Join(", ", entry.Evidence.Where(e => e.Value is not null).Select(e => $"{e.Key} {Short(e.Value!)}")))).Append('\n');
    }

    private static string Short(JsonNode value) => value switch
    {
        JsonArray array => "[" + string.Join(", ", array.Select(v => v is null ? "?" : Short(v))) + "]",
        JsonObject map => "(" + string.Join(", ", map.Select(p => $"{p.Key}: {(p.Value is null ? "?" : Short(p.Value))}")) + ")",
        JsonValue number when number.GetValueKind() == System.Text.Json.JsonValueKind.Number && number.TryGetValue<double>(out var real)
            => real.ToString(Math.Abs(real) >= 1_000 ? "0" : "0.####", CultureInfo.InvariantCulture),
        _ => value.ToString(),
    };

    private static JsonNode JsonOf(JournalEntry entry) => new JsonObject
    {
        ["id"] = entry.Id,
        ["time"] = entry.Time.UtcDateTime.ToString("O", CultureInfo.InvariantCulture),
        ["target"] = entry.Target,
        ["targetName"] = entry.TargetName,
        ["buildId"] = entry.BuildId,
        ["function"] = entry.Function,
        ["version"] = entry.Version,
        ["kind"] = JournalWords.Of(entry.Kind),
        ["reason"] = entry.Reason is { } reason
            ? new JsonObject { ["number"] = reason.Number, ["name"] = reason.Name, ["meaning"] = reason.Meaning }
            : null,
        ["text"] = entry.Text,
        ["evidence"] = entry.Evidence.DeepClone(),
    };

    private static string Visible(string text)
    {
        if (!text.Any(char.IsControl)) return text;
        var visible = new StringBuilder(text.Length + 8);
        foreach (var c in text) _ = char.IsControl(c) ? visible.Append($"\\x{(int)c:x2}") : visible.Append(c);
        return visible.ToString();
    }
}
