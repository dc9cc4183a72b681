using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace KernOpt.Measure.Exports;

/// <summary>A profile's rows as other tools read them. A row: frames from the outermost in, and the CPU seconds at the innermost.</summary>
public static class ProfileExports
{
    /// <summary>Folded stacks, microseconds: "redis-server;siphash 8123" (the input of flame graph scripts; ';' and line ends in names become '_').</summary>
    public static string Folded(IEnumerable<(IReadOnlyList<string> Frames, double Seconds)> rows)
    {
        var text = new StringBuilder();
        foreach (var (frames, seconds) in rows)
        {
            var stack = string.Join(';', frames.Select(f => f.Replace(';', '_').Replace('\n', '_')));
            text.Append(CultureInfo.InvariantCulture, $"{stack} {Math.Round(seconds * 1e6):0}\n");
        }
        return text.ToString();
    }

    /// <summary>A sampled profile in speedscope's file format (github.com/jlfwong/speedscope, file-format-schema.json).</summary>
    public static JsonObject Speedscope(string name, IEnumerable<(IReadOnlyList<string> Frames, double Seconds)> rows)
    {
        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        var samples = new JsonArray();
        var weights = new JsonArray();
        double total = 0;
        foreach (var (frames, seconds) in rows)
        {
            samples.Add((JsonNode)new JsonArray([.. frames.Select(f => (JsonNode)NumberOf(f, numbers))]));
            weights.Add((JsonNode)seconds);
            total += seconds;
        }
        return new()
        {
            ["$schema"] = "https://www.speedscope.app/file-format-schema.json",
            ["shared"] = new JsonObject { ["frames"] = new JsonArray([.. numbers.OrderBy(n => n.Value).Select(n => new JsonObject { ["name"] = n.Key })]) },
            ["profiles"] = new JsonArray(new JsonObject
            {
                ["type"] = "sampled",
                ["name"] = name,
                ["unit"] = "seconds",
                ["startValue"] = 0,
                ["endValue"] = total,
                ["samples"] = samples,
                ["weights"] = weights,
            }),
            ["name"] = name,
            ["exporter"] = "kernopt",
        };
    }

    private static int NumberOf(string frame, Dictionary<string, int> numbers)
    {
        if (!numbers.TryGetValue(frame, out var number)) numbers[frame] = number = numbers.Count;
        return number;
    }
}
