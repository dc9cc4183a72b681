namespace KernOpt.Probes.Language;

public enum UnaryOperator
{
    /// <summary>Of a condition.</summary>
    Not,
    /// <summary>Of all 64 bits.</summary>
    Complement,
    Negate,
}

public enum BinaryOperator
{
    /// <summary>The right side is only looked at where the left does not decide.</summary>
    Or,
    /// <summary>The right side is only looked at where the left does not decide.</summary>
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    BitOr,
    BitXor,
    BitAnd,
    /// <summary>By a number, 0 to 63.</summary>
    ShiftLeft,
    /// <summary>By a number, 0 to 63; a signed value keeps its sign.</summary>
    ShiftRight,
    /// <summary>Modulo 2^64, as are Subtract and Multiply.</summary>
    Add,
    Subtract,
    Multiply,
}

/// <summary>How operators are written, and what binds closer: bits closer than comparisons, unlike in C.</summary>
public static class Operators
{
    private const int ComparisonLevel = 3;

    private static readonly (BinaryOperator Operator, string Text, int Level)[] Binaries =
    [
        (BinaryOperator.Or, "||", 1), (BinaryOperator.And, "&&", 2),
        (BinaryOperator.Equal, "==", ComparisonLevel), (BinaryOperator.NotEqual, "!=", ComparisonLevel), (BinaryOperator.LessOrEqual, "<=", ComparisonLevel),
        (BinaryOperator.GreaterOrEqual, ">=", ComparisonLevel), (BinaryOperator.Less, "<", ComparisonLevel), (BinaryOperator.Greater, ">", ComparisonLevel),
        (BinaryOperator.BitOr, "|", 4), (BinaryOperator.BitXor, "^", 5), (BinaryOperator.BitAnd, "&", 6), (BinaryOperator.ShiftLeft, "<<", 7), (BinaryOperator.ShiftRight, ">>", 7),
        (BinaryOperator.Add, "+", 8), (BinaryOperator.Subtract, "-", 8), (BinaryOperator.Multiply, "*", 9),
    ];

    public static string TextOf(BinaryOperator value) => Array.Find(Binaries, b => b.Operator == value).Text;
    public static int LevelOf(BinaryOperator value) => Array.Find(Binaries, b => b.Operator == value).Level;

    /// <summary>Null when the text is no operator between two values.</summary>
    public static BinaryOperator? BinaryNamed(string text)
    {
        foreach (var binary in Binaries)
        {
            if (binary.Text == text) return binary.Operator;
        }
        return null;
    }

    public static bool IsComparison(this BinaryOperator value) => LevelOf(value) == ComparisonLevel;
    public static bool IsLogical(this BinaryOperator value) => value is BinaryOperator.Or or BinaryOperator.And;

    public static string TextOf(UnaryOperator value) => value switch
    {
        UnaryOperator.Not => "!",
        UnaryOperator.Complement => "~",
        _ => "-",
    };
}
