using Iced.Intel;
using KernOpt.Probes.Language;

namespace KernOpt.Probes.Compile;

/// <summary>An address that is a 64-bit register and a fixed distance, in bytes.</summary>
internal readonly record struct PlaceInMemory(Register Register, int Offset)
{
    /// <summary>Null for every other address.</summary>
    public static PlaceInMemory? Of(Expression address) => address switch
    {
        RegisterValue value when value.Register.IsGPR64() => new(value.Register, 0),
        Argument argument => new(argument.Register, 0),
        BinaryOperation { Operator: BinaryOperator.Add, Right: Number { Value: <= int.MaxValue / 2 and var up } } sum => Moved(sum.Left, (int)up),
        BinaryOperation { Operator: BinaryOperator.Subtract, Right: Number { Value: <= int.MaxValue / 2 and var down } } difference => Moved(difference.Left, -(int)down),
        _ => null,
    };

    private static PlaceInMemory? Moved(Expression from, int by) =>
        Of(from) is { } place && (long)place.Offset + by is >= int.MinValue / 2 and <= int.MaxValue / 2 and var offset ? place with { Offset = (int)offset } : null;
}
