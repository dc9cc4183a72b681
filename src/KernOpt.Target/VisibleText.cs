namespace KernOpt.Target;

/// <summary>Names come from the target and its files: what they hold must not drive a terminal.</summary>
public static class VisibleText
{
    /// <summary>With a question mark for each control character (Unicode category Cc); the same text where there is none.</summary>
    public static string Of(string text) => text.Any(char.IsControl) ? string.Concat(text.Select(c => char.IsControl(c) ? '?' : c)) : text;
}
