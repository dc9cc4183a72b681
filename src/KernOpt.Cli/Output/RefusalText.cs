using KernOpt.Target;

namespace KernOpt.Cli.Output;

/// <summary>A refusal as people read it: number, name and particulars, then the reason's own sentence, which says what to do. One line, unless the particulars are several.</summary>
internal static class RefusalText
{
    public static string Of(Refusal refusal)
    {
        var (reason, detail) = (refusal.Reason, string.Join('\n', refusal.Detail.Split('\n').Select(VisibleText.Of)).TrimEnd());
        if (detail.Length == 0) return $"{reason}: {reason.Meaning}";
        if (detail.Contains('\n', StringComparison.Ordinal)) return $"{reason}: {reason.Meaning}\n  {detail.Replace("\n", "\n  ", StringComparison.Ordinal)}";
        return $"{reason}: {detail}{(detail[^1] is '.' or '!' or '?' ? "" : ".")} {reason.Meaning}";
    }
}
