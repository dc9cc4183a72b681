using KernOpt.Target;

namespace KernOpt.Probes.Language;

/// <summary>What an expression is. A number alone is either signed or not.</summary>
public enum ValueKind
{
    Condition,
    Number,
    Unsigned,
    Signed,
}

/// <summary>
/// Finds what an expression is, or why it is nothing: conditions and values do not mix, nor do signed and unsigned values, nor is anything but a condition decided upon. What passes
/// has a value for every state of the machine: there is no division, and shifts are by a number from 0 to 63.
/// </summary>
public static class TypeCheck
{
    /// <summary>Refused (8009) with the part that is wrong.</summary>
    public static Outcome<ValueKind> KindOf(Expression expression)
    {
        switch (expression)
        {
            case Number:
                return ValueKind.Number;
            case CalledFrom or Every or RateLimit or ThreadMark:
                return ValueKind.Condition;
            case Load load:
                return Value(load.Address).Then<ValueKind>(_ => KindOf(load.Type));
            case Cast cast:
                return Value(cast.Value).Then<ValueKind>(_ => KindOf(cast.Type));
            case UnaryOperation { Operator: UnaryOperator.Not } not:
                return Condition(not.Value);
            case UnaryOperation unary:
                return Value(unary.Value).Then<ValueKind>(kind => unary.Operator == UnaryOperator.Negate && kind == ValueKind.Number ? ValueKind.Signed : kind);
            case BinaryOperation binary:
                return OfBinary(binary);
            default:
                return ValueKind.Unsigned;
        }
    }

    /// <summary>A condition, as <c>--when</c> wants it.</summary>
    public static Outcome<ValueKind> Condition(Expression expression) => KindOf(expression).Try(out var kind, out var why)
        ? kind == ValueKind.Condition ? kind : Reasons.WrongType.With($"'{expression}' is a value where a condition is needed: compare it, as in {expression} != 0")
        : why;

    /// <summary>A value that can be recorded.</summary>
    public static Outcome<ValueKind> Value(Expression expression) => KindOf(expression).Try(out var kind, out var why)
        ? kind != ValueKind.Condition ? kind : Reasons.WrongType.With($"'{expression}' is a condition where a value is needed")
        : why;

    private static ValueKind KindOf(IntegerType type) => type.IsSigned ? ValueKind.Signed : ValueKind.Unsigned;

    private static Outcome<ValueKind> OfBinary(BinaryOperation binary)
    {
        if (binary.Operator.IsLogical()) return Condition(binary.Left).Then(_ => Condition(binary.Right));
        if (!Value(binary.Left).Try(out var left, out var why)) return why;
        if (!Value(binary.Right).Try(out var right, out why)) return why;
        if (binary.Operator is BinaryOperator.ShiftLeft or BinaryOperator.ShiftRight)
        {
            if (binary.Right is not Number { Value: < 64 }) return Reasons.WrongType.With($"'{binary}' shifts by something else than a number from 0 to 63");
            return left;
        }
        if (left != right && left != ValueKind.Number && right != ValueKind.Number)
            return Reasons.WrongType.With($"'{binary}' has a signed and an unsigned side: say i64(…) or u64(…) of one");
        if (binary.Operator.IsComparison()) return ValueKind.Condition;
        return left == ValueKind.Number ? right : left;
    }
}
