using System.Text.Json;
using KernOpt.Target;

namespace KernOpt.Cli.CommandLine;

/// <summary>
/// What holds where the command line says nothing: appsettings.json (the clone's, which the launcher copies beside the program), and over it the environment
/// (KERNOPT_POLICY, KERNOPT_JOURNAL). An empty value is as good as none. Policy: a file, or the name of one that ships with KernOpt. Journal: its file.
/// </summary>
internal sealed record Settings(string? Policy, string? Journal)
{
    /// <summary>The file that people edit is the clone's; the one that is read is its copy.</summary>
    private const string Name = "appsettings.json";

    /// <summary>Refused (8006) where the file cannot be read or is no object of texts.</summary>
    public static Outcome<Settings> Read() => Read(AppContext.BaseDirectory);

    internal static Outcome<Settings> Read(string folder)
    {
        var file = Path.Combine(folder, Name);
        try
        {
            // Not deserialized: that prepares more code than all the rest of a short command.
            using var document = JsonDocument.Parse(File.Exists(file) ? File.ReadAllBytes(file) : "{}"u8.ToArray());
            if (document.RootElement.EnumerateObject().FirstOrDefault(p => p.Name is not ("Policy" or "Journal")) is { Value.ValueKind: not JsonValueKind.Undefined } odd)
                return Reasons.SettingsUnreadable.With($"{Name}: there is no setting '{odd.Name}'; there are Policy and Journal");
            return new Settings(Of(document.RootElement, "Policy"), Of(document.RootElement, "Journal"));
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            return Reasons.SettingsUnreadable.With($"{Name}: {error.Message}");
        }
    }

    /// <summary>Throws InvalidOperationException where the file holds something else.</summary>
    private static string? Of(JsonElement file, string key)
    {
        var inFile = file.TryGetProperty(key, out var value) ? value.GetString() : null;
        var here = Environment.GetEnvironmentVariable($"KERNOPT_{key.ToUpperInvariant()}") is { Length: > 0 } own ? own : inFile;
        return string.IsNullOrEmpty(here) ? null : here;
    }
}
