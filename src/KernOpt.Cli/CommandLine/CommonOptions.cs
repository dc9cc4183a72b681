using System.CommandLine;
using KernOpt.Cli.Output;

namespace KernOpt.Cli.CommandLine;

/// <summary>Options that every command takes.</summary>
internal sealed class CommonOptions
{
    public Option<bool> Json { get; } = new("--json") { Description = "One JSON document on stdout (schema: src/docs/json.md)", Recursive = true };

    public Option<bool> Quiet { get; } = new("--quiet", "-q") { Description = "No progress and no notes on stderr", Recursive = true };

    public Option<string?> Journal { get; } = new("--journal")
    {
        Description = "The journal to append decisions to (default: what KERNOPT_JOURNAL or appsettings.json names, else $XDG_STATE_HOME/kernopt/journal.db, else ~/.local/state/kernopt/journal.db)",
        HelpName = "FILE",
        Recursive = true,
    };

    public Terminal Terminal(ParseResult parse) => new(parse.GetValue(Json), parse.GetValue(Quiet));
}
