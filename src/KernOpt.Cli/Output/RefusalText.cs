using KernOpt.Target;

namespace KernOpt.Cli.Output;

/// <summary>A refusal as people read it: number, name and particulars, then the reason's own sentence, which says what to do. One line, unless the particulars are several.</summary>
internal static class RefusalText
{
    public static string Of(Refusal refusal)
    {
        var (reason, detail) = (refusal.Reason, Visible(refusal.Detail).TrimEnd());
        if (detail.Length == 0) return $"{reason}: {reason.Meaning}";
        if (detail.Contains('\n', StringComparison.Ordinal)) return $"{reason}: {reason.Meaning}\n  {detail.Replace("\n", "\n  ", StringComparison.Ordinal)}";
        return $"{reason}: {detail}{(detail[^1] is '.' or '!' or '?' ? "" : ".")} {reason.Meaning}";
    }

    /// <summary>Names come from the target: what they hold must not drive the terminal.</summary>
    private static string Visible(string text) => string.Concat(text.Select(c => char.IsControl(c) && c != '\n' ? '?' : c));
}
