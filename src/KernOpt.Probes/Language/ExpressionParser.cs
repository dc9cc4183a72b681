using Iced.Intel;
using KernOpt.Target;

namespace KernOpt.Probes.Language;

/// <summary>
/// Reads expressions by operator precedence (Pratt, "Top down operator precedence", POPL 1973). What it answers is well formed, not yet of right types: see
/// <see cref="TypeCheck"/>.
/// </summary>
public sealed class ExpressionParser
{
    /// <summary>Deeper nesting would need more registers than there are.</summary>
    private const int MostNesting = 64;

    /// <summary>So that what walks over the tree does not nest too deep either.</summary>
    private const int MostOperations = 200;

    private readonly string text;
    private readonly INames names;
    private readonly IReadOnlyList<Token> tokens;
    private int next;
    private int nesting;
    private int operations;

    private ExpressionParser(string text, IReadOnlyList<Token> tokens, INames names)
    {
        this.text = text;
        this.tokens = tokens;
        this.names = names;
    }

    /// <summary>One expression. Refused (8008) with the column of what is wrong, or as <paramref name="names"/> refuses a name.</summary>
    public static Outcome<Expression> Parse(string text, INames names)
    {
        if (!Open(text, names).Try(out var parser, out var why)) return why;
        if (!parser.Next().Try(out var expression, out why)) return why;
        return parser.EndOf().Try(out _, out why) ? expression : why;
    }

    internal static Outcome<ExpressionParser> Open(string text, INames names) =>
        Tokens.Of(text).Then<ExpressionParser>(tokens => new ExpressionParser(text, tokens, names));

    internal INames Names => names;

    internal Token Current => tokens[next];

    internal Outcome<Expression> Next() => Level(1);

    internal bool Take(string symbol)
    {
        if (Current.Kind != TokenKind.Symbol || Current.Text != symbol) return false;
        next++;
        return true;
    }

    internal Token Advance() => tokens[next++];

    /// <summary>A name, or names with hyphens between them: <c>fast-count</c>.</summary>
    internal string TakeHyphenated()
    {
        var name = Advance().Text;
        while (Current is { Kind: TokenKind.Symbol, Text: "-" } && tokens[next + 1].Kind == TokenKind.Name)
        {
            next++;
            name += "-" + Advance().Text;
        }
        return name;
    }

    /// <summary>Refused when something follows.</summary>
    internal Outcome<Done> EndOf() => Current.Kind == TokenKind.End ? Done.It : Wrong("an operator or the end was expected");

    internal Refusal Wrong(string what) => Reasons.BadExpression.With($"column {Current.Column} of '{text}': {what}{(Current.Kind == TokenKind.End ? "" : $", not '{Current.Text}'")}");

    private Outcome<Expression> Level(int level)
    {
        if (!Prefix().Try(out var left, out var why)) return why;
        while (Current.Kind == TokenKind.Symbol && Operators.BinaryNamed(Current.Text) is { } binary && Operators.LevelOf(binary) >= level)
        {
            if (++operations > MostOperations) return Wrong($"there are more than {MostOperations} operators");
            next++;
            if (!Level(Operators.LevelOf(binary) + 1).Try(out var right, out why)) return why;
            left = new BinaryOperation(binary, left, right);
        }
        return left;
    }

    private Outcome<Expression> Prefix()
    {
        if (++nesting > MostNesting) return Wrong($"this is nested more than {MostNesting} deep");
        try
        {
            if (Take("!")) return Prefix().Then<Expression>(e => new UnaryOperation(UnaryOperator.Not, e));
            if (Take("~")) return Prefix().Then<Expression>(e => new UnaryOperation(UnaryOperator.Complement, e));
            if (Take("-")) return Prefix().Then<Expression>(e => new UnaryOperation(UnaryOperator.Negate, e));
            if (Take("(")) return Within(")", e => e);
            return Current.Kind switch
            {
                TokenKind.Number => new Number(Advance().Value),
                TokenKind.Name => Named(),
                TokenKind.Quoted => Data(),
                _ => Wrong("a value was expected"),
            };
        }
        finally
        {
            nesting--;
        }
    }

    private Outcome<Expression> Named()
    {
        var name = Current;
        next++;
        if (IntegerType.Named(name.Text) is { } type)
        {
            if (Take("[")) return Within("]", address => new Load(type, address));
            if (Take("(")) return Within(")", value => new Cast(type, value));
            return Wrong($"behind {name.Text} a bracket was expected: {name.Text}[ADDRESS] reads memory, {name.Text}(VALUE) takes the low bits");
        }
        switch (name.Text)
        {
            case "caller":
                return new ReturnAddress();
            case "tid":
                return names.ThreadNumberOffset().Then<Expression>(offset => new ThreadNumber(offset));
            case "every":
                return Every();
            case "called_from":
                return OfFunction("called_from", (function, range) => new CalledFrom(function, range));
            case "inside":
                return OfFunction("inside", (function, range) => names.ThreadNumberOffset().Then<Expression>(offset => new Inside(function, range, offset)));
            case "flag":
                return OfFlag();
            case "rate":
                return Rate();
            case "pid":
                return new SystemCallValue(name.Text, SystemCallValue.GetPid);
            case "uid":
                return new SystemCallValue(name.Text, SystemCallValue.GetUid);
        }
        if (name.Text.Length == 4 && name.Text.StartsWith("arg", StringComparison.Ordinal) && name.Text[3] - '0' is >= 0 and var index && index < Argument.Count) return new Argument(index);
        if (Enum.TryParse<Register>(name.Text, ignoreCase: true, out var register) && register.IsGPR()) return new RegisterValue(register);
        next--;
        return Wrong("a value was expected: a number, arg0 to arg5, a general register, caller, tid, pid, uid, 'VARIABLE', called_from(FUNC), inside(FUNC), flag(NAME), every(N), rate(N), u32[ADDRESS] or u32(VALUE)");
    }

    /// <summary>A variable's address, in quotes, so that no name of a variable is taken for a register's.</summary>
    private Outcome<Expression> Data()
    {
        var name = Advance().Text;
        return names.Data(name).Then<Expression>(place => new DataAddress(name, place));
    }

    private Outcome<Expression> Rate()
    {
        if (!Take("(")) return Wrong("rate(N) was expected");
        if (Current.Kind != TokenKind.Number || Current.Value is 0 or > 1_000_000) return Wrong("a number from 1 to 1000000 was expected");
        var n = (uint)Advance().Value;
        return Take(")") ? names.TicksPerSecond().Then<Expression>(ticks => new RateLimit(n, ticks)) : Wrong("')' was expected");
    }

    private Outcome<Expression> Every()
    {
        if (!Take("(")) return Wrong("every(N) was expected");
        if (Current.Kind != TokenKind.Number || Current.Value is 0 or > 1 << 30) return Wrong("a number from 1 to 2^30 was expected");
        var n = (uint)Advance().Value;
        return Take(")") ? new Every(n) : Wrong("')' was expected");
    }

    private Outcome<Expression> OfFlag()
    {
        if (!Take("(") || Current.Kind is not (TokenKind.Name or TokenKind.Quoted)) return Wrong("flag(NAME) was expected");
        var name = Advance().Text;
        return Take(")") ? names.ThreadNumberOffset().Then<Expression>(offset => new Flag(name, offset)) : Wrong("')' was expected");
    }

    private Outcome<Expression> OfFunction(string what, Func<string, AddressRange, Outcome<Expression>> make)
    {
        if (!Take("(")) return Wrong($"{what}(FUNC) was expected");
        if (Current.Kind is not (TokenKind.Name or TokenKind.Quoted)) return Wrong("the name of a function was expected, in quotes where it has other signs than letters");
        var name = Advance().Text;
        if (!Take(")")) return Wrong("')' was expected; names with other signs than letters go in quotes");
        return names.Function(name).Then(range => make(name, range));
    }

    private Outcome<Expression> Within(string close, Func<Expression, Expression> make)
    {
        if (!Level(1).Try(out var inner, out var why)) return why;
        if (!Take(close)) return Wrong($"'{close}' was expected");
        return make(inner);
    }
}
