using System.CommandLine;
using KernOpt.Engine.Policies;

namespace KernOpt.Cli.CommandLine;

/// <summary>What is wrong with a command line, in one line that names the wrong word.</summary>
internal static class UsageErrors
{
    /// <summary>Nothing but the name of something that has commands: help is what is wanted.</summary>
    public static bool IsBare(ParseResult parse) => parse.CommandResult.Command.Subcommands.Count > 0 && parse.UnmatchedTokens.Count == 0 && parse.Errors.Count == 1
        && parse.Errors[0].SymbolResult == parse.CommandResult;

    public static string First(ParseResult parse)
    {
        var command = parse.CommandResult.Command;
        if (parse.UnmatchedTokens is not [var word, ..]) return string.Join("; ", parse.Errors[0].Message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
        var name = command is RootCommand ? "kernopt" : command.Name;
        if (word.StartsWith('-')) return $"{name} has no option '{word}'{Meant(word, OptionsOf(parse))}";
        if (command.Subcommands.Count == 0) return $"'{word}' is one word too many for {name}";
        var known = command.Subcommands.Select(c => c.Name).ToList();
        var meant = Meant(word, known);
        return $"{name} has no command '{word}'{(meant.Length > 0 ? meant : $"; it has {string.Join(", ", known)}")}";
    }

    private static string Meant(string word, IEnumerable<string> known) => Spelling.Nearest(word, known) is { } nearest ? $"; did you mean {nearest}?" : "";

    private static IEnumerable<string> OptionsOf(ParseResult parse)
    {
        var inherited = parse.RootCommandResult.Command.Options.Where(o => o.Recursive);
        return parse.CommandResult.Command.Options.Concat(inherited).SelectMany(o => o.Aliases.Prepend(o.Name)).Where(n => n.StartsWith("--", StringComparison.Ordinal));
    }
}
