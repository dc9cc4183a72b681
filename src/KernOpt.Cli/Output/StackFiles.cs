using System.Globalization;
using System.Text;
using KernOpt.Engine.Reports;
using KernOpt.Target;

namespace KernOpt.Cli.Output;

/// <summary>Stacks for other tools, and as a picture.</summary>
internal static class StackFiles
{
    /// <summary>Refused (8001) where there will be no stacks, and as <see cref="OutputFile.Check"/>.</summary>
    public static Outcome<Done> Check(string action, string? folded, string? flame)
    {
        if ((folded ?? flame) is not null && action.Trim() != "stack") return Reasons.BadCommandLine.With($"{(folded is null ? "--flame" : "--folded")} is for --do stack, not for {action}");
        return OutputFile.Check(folded).Then<Done>(_ => OutputFile.Check(flame));
    }

    public static Outcome<Done> Write(string target, StacksReport stacks, string? folded, string? flame)
    {
        try
        {
            if (folded is not null) File.WriteAllText(folded, Folded(stacks));
            if (flame is not null) File.WriteAllText(flame, FlamePicture.Of(target, stacks));
            return Done.It;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Reasons.FileNotWritable.With(e.Message);
        }
    }

    /// <summary>One line for all stacks of the same functions: "main;serve;malloc 42". What would end a name or a line is written as '_'.</summary>
    internal static string Folded(StacksReport stacks)
    {
        var text = new StringBuilder();
        var lines = stacks.Stacks.GroupBy(s => string.Join(';', StackNames.FromOutermost(s).Select(Cleaned)), StringComparer.Ordinal);
        foreach (var line in lines) text.Append(CultureInfo.InvariantCulture, $"{line.Key} {line.Sum(s => s.Count)}\n");
        return text.ToString();
    }

    private static string Cleaned(string name) => VisibleText.Of(name).Replace(';', '_');
}
