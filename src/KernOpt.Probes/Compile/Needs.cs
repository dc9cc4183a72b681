using Iced.Intel;
using KernOpt.Probes.Language;

namespace KernOpt.Probes.Compile;

/// <summary>How many scratch registers code takes: each value in the first of its own, the right side of an operator behind the left (Sethi and Ullman, JACM 17(4), 1970, without reordering).</summary>
internal static class Needs
{
    public static int OfValue(Expression expression) => expression switch
    {
        Load load => OfValue(load.Address),
        Cast cast => OfValue(cast.Value),
        UnaryOperation unary => OfValue(unary.Value),
        BinaryOperation binary => Math.Max(OfValue(binary.Left), OfRight(binary.Right) + 1),
        _ => 1,
    };

    /// <summary>0: it needs none as long as no register has been overwritten.</summary>
    public static int OfCondition(Expression expression) => expression switch
    {
        Every { N: 1 } => 0,
        Every => 1,
        CalledFrom => 2,
        RateLimit => 3,
        ThreadMark => 4,
        UnaryOperation not => OfCondition(not.Value),
        BinaryOperation binary when binary.Operator.IsLogical() => Math.Max(OfCondition(binary.Left), OfCondition(binary.Right)),
        BinaryOperation comparison => IsInPlace(comparison.Left) && IsImmediate(comparison.Right) ? 0 : OfValue(comparison),
        _ => 0,
    };

    /// <summary>A register that can be compared where it is.</summary>
    public static bool IsInPlace(Expression expression) => expression switch
    {
        RegisterValue value => value.Register.GetFullRegister() != Register.RSP && value.Register.GetSize() >= 4,
        Argument => true,
        _ => false,
    };

    /// <summary>Registers in place may have been taken for scratch: then they are computed like any other value.</summary>
    private static int OfRight(Expression expression) => expression is Number number && IsImmediate(number) ? 0 : OfValue(expression);

    private static bool IsImmediate(Expression expression) => expression is Number { Value: <= int.MaxValue };
}
