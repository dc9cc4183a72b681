using KernOpt.Probes.Language;

namespace KernOpt.Tests.Probes;

/// <summary>What expressions mean, said a second time: computed here from a state of the machine. Load reads memory, caller is the return address.</summary>
internal sealed class Meaning(MachineState state, Func<ulong, int, ulong> load, ulong caller)
{
    /// <summary>The seed and the countdown of each sampling, as they go on.</summary>
    public Dictionary<Every, (int Countdown, uint Seed)> Sampling { get; } = new(ReferenceEqualityComparer.Instance);

    /// <summary>Rates that have let one passage through. Of more ticks than pass in a test they let through no other; of few, all.</summary>
    public HashSet<RateLimit> Limited { get; set; } = new(ReferenceEqualityComparer.Instance);

    public bool Holds(Expression condition) => condition switch
    {
        UnaryOperation not => !Holds(not.Value),
        BinaryOperation { Operator: BinaryOperator.And } and => Holds(and.Left) && Holds(and.Right),
        BinaryOperation { Operator: BinaryOperator.Or } or => Holds(or.Left) || Holds(or.Right),
        CalledFrom from => caller > from.Function.Start.Value && caller <= from.Function.End.Value,
        Every every => IsSampled(every),
        ThreadMark => false,
        RateLimit limit => Limited.Add(limit) || limit.Ticks < 100,
        BinaryOperation comparison => Compare(comparison),
        _ => throw new ArgumentException($"{condition}"),
    };

    public ulong Of(Expression value) => value switch
    {
        Number number => number.Value,
        RegisterValue register => OfRegister(register.Register),
        Argument argument => OfRegister(argument.Register),
        ReturnAddress => caller,
        ThreadNumber => EmulatedPoint.ThreadNumberIs,
        DataAddress data => data.Place.At.Value,
        SystemCallValue asked => asked.Number == SystemCallValue.GetPid ? EmulatedPoint.ProcessIs : EmulatedPoint.UserIs,
        Load read => Narrow(load(Of(read.Address), read.Type.Bytes), read.Type),
        Cast cast => Narrow(Of(cast.Value), cast.Type),
        UnaryOperation { Operator: UnaryOperator.Complement } complement => ~Of(complement.Value),
        UnaryOperation negate => 0 - Of(negate.Value),
        BinaryOperation binary => Combine(binary),
        _ => throw new ArgumentException($"{value}"),
    };

    private bool IsSampled(Every every)
    {
        if (every.N == 1) return true;
        var (countdown, seed) = Sampling.GetValueOrDefault(every);
        if (--countdown >= 0)
        {
            Sampling[every] = (countdown, seed);
            return false;
        }
        seed = seed * 1664525 + 1013904223;
        Sampling[every] = ((int)(seed * (2UL * every.N - 1) >> 32), seed);
        return true;
    }

    private bool Compare(BinaryOperation comparison)
    {
        var isSigned = TypeCheck.KindOf(comparison.Left).Value == ValueKind.Signed || TypeCheck.KindOf(comparison.Right).Value == ValueKind.Signed;
        var (left, right) = (Of(comparison.Left), Of(comparison.Right));
        var order = isSigned ? ((long)left).CompareTo((long)right) : left.CompareTo(right);
        return comparison.Operator switch
        {
            BinaryOperator.Equal => order == 0,
            BinaryOperator.NotEqual => order != 0,
            BinaryOperator.Less => order < 0,
            BinaryOperator.LessOrEqual => order <= 0,
            BinaryOperator.Greater => order > 0,
            _ => order >= 0,
        };
    }

    private ulong Combine(BinaryOperation binary)
    {
        var (left, right) = (Of(binary.Left), Of(binary.Right));
        return binary.Operator switch
        {
            BinaryOperator.Add => left + right,
            BinaryOperator.Subtract => left - right,
            BinaryOperator.Multiply => left * right,
            BinaryOperator.BitAnd => left & right,
            BinaryOperator.BitOr => left | right,
            BinaryOperator.BitXor => left ^ right,
            BinaryOperator.ShiftLeft => left << (int)right,
            _ => TypeCheck.KindOf(binary.Left).Value == ValueKind.Signed ? (ulong)((long)left >> (int)right) : left >> (int)right,
        };
    }

    private ulong OfRegister(Iced.Intel.Register register)
    {
        var value = state.General[Iced.Intel.RegisterExtensions.GetFullRegister(register) - Iced.Intel.Register.RAX];
        if (register is >= Iced.Intel.Register.AH and <= Iced.Intel.Register.BH) return value >> 8 & 0xFF;
        return Narrow(value, new IntegerType(Iced.Intel.RegisterExtensions.GetSize(register), false));
    }

    private static ulong Narrow(ulong value, IntegerType type)
    {
        var shift = 64 - 8 * type.Bytes;
        return type.IsSigned ? (ulong)((long)(value << shift) >> shift) : value << shift >> shift;
    }
}
