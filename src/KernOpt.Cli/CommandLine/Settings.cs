using KernOpt.Target;
using Microsoft.Extensions.Configuration;

namespace KernOpt.Cli.CommandLine;

/// <summary>
/// What holds where the command line says nothing: appsettings.json (the clone's, copied beside the program when it is built), and over it the environment
/// (KERNOPT_POLICY, KERNOPT_JOURNAL). An empty value is as good as none.
/// </summary>
internal sealed class Settings
{
    private readonly IConfigurationRoot values;

    private Settings(IConfigurationRoot values) => this.values = values;

    /// <summary>The policy of tune: a file, or the name of one that ships with KernOpt.</summary>
    public string? Policy => Of("Policy");

    /// <summary>The journal's file.</summary>
    public string? Journal => Of("Journal");

    /// <summary>Refused (8006) where the file cannot be read or is no JSON.</summary>
    public static Outcome<Settings> Read() => Read(AppContext.BaseDirectory);

    internal static Outcome<Settings> Read(string folder)
    {
        try
        {
            return new Settings(new ConfigurationBuilder().SetBasePath(folder).AddJsonFile("appsettings.json", optional: true).AddEnvironmentVariables("KERNOPT_").Build());
        }
        catch (Exception error) when (error is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            return Reasons.SettingsUnreadable.With($"{Path.Combine(folder, "appsettings.json")}: {(error.InnerException ?? error).Message}");
        }
    }

    private string? Of(string key) => values[key] is { Length: > 0 } value ? value : null;
}
