namespace KernOpt.Binary.Lines;

/// <summary>The text sections that the headers of line tables point into.</summary>
internal sealed class LineStrings(ByteView strings, ByteView lineStrings)
{
    private const int LongestPath = 4096;

    private readonly Dictionary<(bool, ulong), string> known = [];

    public string At(bool ofLines, ulong offset)
    {
        if (known.TryGetValue((ofLines, offset), out var text)) return text;
        (ofLines ? lineStrings : strings).TryText(offset, LongestPath, out text);
        return known[(ofLines, offset)] = text;
    }
}
