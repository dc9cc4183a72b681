using KernOpt.Target;

namespace KernOpt.Probes.Language;

internal enum TokenKind
{
    Name,
    Number,
    /// <summary>Between quotes, without them.</summary>
    Quoted,
    Symbol,
    End,
}

/// <summary>Column counts from 1. Value is that of a number.</summary>
internal readonly record struct Token(TokenKind Kind, string Text, int Column, ulong Value = 0);

/// <summary>Cuts a text into names, numbers (decimal or 0x), texts in single or double quotes, and symbols.</summary>
internal static class Tokens
{
    /// <summary>So that nothing that walks over an expression nests too deep.</summary>
    private const int MostCharacters = 4096;

    /// <summary>Longer ones first.</summary>
    private static readonly string[] Symbols = ["||", "&&", "==", "!=", "<=", ">=", "<<", ">>", "<", ">", "|", "^", "&", "+", "-", "*", "!", "~", "(", ")", "[", "]", ","];

    /// <summary>The last one is the end. Refused (8008) at a character that nothing begins with, at a number over 64 bits, and when the text is too long.</summary>
    public static Outcome<IReadOnlyList<Token>> Of(string text)
    {
        if (text.Length > MostCharacters) return Reasons.BadExpression.With($"it has {text.Length} characters; {MostCharacters} may be");
        var tokens = new List<Token>();
        var at = 0;
        while (at < text.Length)
        {
            var start = at;
            if (char.IsWhiteSpace(text[at])) at++;
            else if (char.IsAsciiDigit(text[at]))
            {
                while (at < text.Length && char.IsAsciiLetterOrDigit(text[at])) at++;
                if (Numbers.Parse(text[start..at]) is not { } value) return Reasons.BadExpression.With($"column {start + 1} of '{text}': {text[start..at]} is no number of 64 bits, decimal or 0x…");
                tokens.Add(new Token(TokenKind.Number, text[start..at], start + 1, value));
            }
            else if (char.IsAsciiLetter(text[at]) || text[at] == '_')
            {
                while (at < text.Length && (char.IsAsciiLetterOrDigit(text[at]) || text[at] == '_')) at++;
                tokens.Add(new Token(TokenKind.Name, text[start..at], start + 1));
            }
            else if (text[at] is '\'' or '"')
            {
                at = text.IndexOf(text[start], start + 1);
                if (at < 0) return Reasons.BadExpression.With($"column {start + 1} of '{text}': this quote is not closed");
                tokens.Add(new Token(TokenKind.Quoted, text[(start + 1)..at], start + 1));
                at++;
            }
            else if (Array.Find(Symbols, s => text.AsSpan(start).StartsWith(s, StringComparison.Ordinal)) is { } symbol)
            {
                at += symbol.Length;
                tokens.Add(new Token(TokenKind.Symbol, symbol, start + 1));
            }
            else return Reasons.BadExpression.With($"column {start + 1} of '{text}': nothing begins with '{text[at]}'");
        }
        tokens.Add(new Token(TokenKind.End, "", text.Length + 1));
        return tokens;
    }
}
