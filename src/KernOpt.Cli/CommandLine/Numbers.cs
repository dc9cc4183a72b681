using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace KernOpt.Cli.CommandLine;

/// <summary>Whole numbers on the command line; what is wrong with one is said in the user's words.</summary>
internal static class Numbers
{
    public static Option<int> Option(string name, int standard, int least, int most, string description) => new(name)
    {
        Description = description,
        HelpName = "N",
        DefaultValueFactory = _ => standard,
        CustomParser = result => int.TryParse(Word(result), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number : Fail<int>(result, most == int.MaxValue ? $"{name} wants a whole number of {least} or more" : $"{name} wants a whole number from {least} to {most}"),
    };

    public static Argument<ulong> Id(string description) => new("ID")
    {
        Description = description,
        CustomParser = result => IdIn(result) ?? 0,
    };

    public static Argument<ulong?> OptionalId(string description) => new("ID")
    {
        Description = description,
        Arity = ArgumentArity.ZeroOrOne,
        CustomParser = IdIn,
    };

    public static int? Pid(ArgumentResult result) =>
        int.TryParse(Word(result), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) && pid > 0 ? pid : Fail<int?>(result, "--pid wants the number of a process");

    private static ulong? IdIn(ArgumentResult result)
    {
        if (result.Tokens.Count == 0) return null;
        return ulong.TryParse(Word(result), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : Fail<ulong?>(result, "ID wants a version's number, as list shows it");
    }

    private static string Word(ArgumentResult result) => result.Tokens.Single().Value;

    private static T? Fail<T>(ArgumentResult result, string wants)
    {
        result.AddError($"{wants}, not '{Word(result)}'");
        return default;
    }
}
