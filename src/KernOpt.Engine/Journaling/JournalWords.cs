using System.Text.RegularExpressions;
using KernOpt.Target;

namespace KernOpt.Engine.Journaling;

/// <summary>Kinds and reasons as they stand in the database and in JSON.</summary>
public static partial class JournalWords
{
    private static readonly Dictionary<string, JournalKind> Kinds = Enum.GetValues<JournalKind>().ToDictionary(Of);

    private static readonly Dictionary<int, Reason> Known = Reasons.All.ToDictionary(r => r.Number);

    /// <summary>"rolled-back".</summary>
    public static string Of(JournalKind kind) => Humps().Replace(kind.ToString(), "-$1").ToLowerInvariant();

    internal static JournalKind KindOf(string word)
        => Kinds.TryGetValue(word, out var kind) ? kind : throw new FormatException($"\"{word}\" is no kind of entry");

    /// <summary>A number that this KernOpt does not know (it was written by another) stays a number.</summary>
    internal static Reason ReasonOf(int number) => Known.TryGetValue(number, out var reason) ? reason : new(number, "", "");

    [GeneratedRegex("(?<!^)([A-Z])")]
    private static partial Regex Humps();
}
