using System.IO.Enumeration;

namespace KernOpt.Engine.Policies;

/// <summary>Names by glob (* any text, ? one character, case matters). What is denied is denied, whatever allows it.</summary>
public sealed record GlobFilter(IReadOnlyList<string> Allow, IReadOnlyList<string> Deny)
{
    public static readonly GlobFilter Everything = new(["*"], []);

    public bool Allows(string name) => Matches(Allow, name) && !Denies(name);

    public bool Denies(string name) => Matches(Deny, name);

    private static bool Matches(IReadOnlyList<string> globs, string name)
        => globs.Any(glob => FileSystemName.MatchesSimpleExpression(glob, name, ignoreCase: false));
}
