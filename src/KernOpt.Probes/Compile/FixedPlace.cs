using KernOpt.Probes.Language;
using KernOpt.Target;

namespace KernOpt.Probes.Compile;

/// <summary>An address that is known before the code runs. Data: the variable that it was reached from; null for a number alone.</summary>
internal readonly record struct FixedPlace(ulong Address, DataPlace? Data)
{
    /// <summary>Null for every other address.</summary>
    public static FixedPlace? Of(Expression address) => address switch
    {
        Number number => new(number.Value, null),
        DataAddress data => new(data.Place.At.Value, data.Place),
        BinaryOperation { Operator: BinaryOperator.Add } sum when Of(sum.Left) is { } left && Of(sum.Right) is { } right && (left.Data is null || right.Data is null) =>
            new(left.Address + right.Address, left.Data ?? right.Data),
        BinaryOperation { Operator: BinaryOperator.Subtract, Right: Number { Value: var down } } difference when Of(difference.Left) is { } start => start with { Address = start.Address - down },
        _ => null,
    };

    /// <summary>The code that reads lies in the module, which therefore is mapped.</summary>
    public bool IsReadable(TargetModule module, int bytes)
    {
        if (Data is { } data && (data.IsAlwaysThere || module.Range.Contains(data.At))) return Holds(data.Memory, bytes);
        var here = this;
        return module.Mappings.Any(m => m.Protection.HasFlag(Protection.Read) && here.Holds(m.Range, bytes));
    }

    private bool Holds(AddressRange memory, int bytes) => Address >= memory.Start.Value && Address < memory.End.Value && memory.End.Value - Address >= (ulong)bytes;
}
