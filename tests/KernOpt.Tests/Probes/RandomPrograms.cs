using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Probes.Actions;
using KernOpt.Probes.Language;
using KernOpt.Target;
using KernOpt.Tests.Code.Bodies;

namespace KernOpt.Tests.Probes;

/// <summary>Expressions and actions at random. What is read is within bounds unless it is to be hostile; then anything is.</summary>
internal sealed class RandomPrograms(Random random, AddressRange caller, bool isHostile = false, bool makesSystemCalls = false)
{
    private static readonly Register[] Registers =
        [.. Enum.GetValues<Register>().Where(r => r.IsGPR()).Distinct()];

    private static readonly BinaryOperator[] Arithmetic =
        [BinaryOperator.Add, BinaryOperator.Subtract, BinaryOperator.Multiply, BinaryOperator.BitAnd, BinaryOperator.BitOr, BinaryOperator.BitXor];

    private static readonly BinaryOperator[] Comparisons =
        [BinaryOperator.Equal, BinaryOperator.NotEqual, BinaryOperator.Less, BinaryOperator.LessOrEqual, BinaryOperator.Greater, BinaryOperator.GreaterOrEqual];

    private static readonly ulong[] Edges = [0, 1, 2, 16, 127, 128, 255, 0x7FFF_FFFF, 0x8000_0000, uint.MaxValue, 0x1_0000_0000, long.MaxValue, 1UL << 63, ulong.MaxValue];

    public Expression? When() => random.Next(4) == 0 ? null : Condition(4);

    public ProbeAction Action() => random.Next(5) switch
    {
        0 => new CountAction(),
        4 => new StackAction(EmulatedPoint.ThreadNumberOffset),
        3 => new PerThreadCountAction(EmulatedPoint.ThreadNumberOffset, random.Next(2) == 0),
        1 => new ValuesAction([.. Values(1, 3)]),
        _ => new TraceAction([.. Values(0, 7)]),
    };

    /// <summary>Also those that belong at entries, exits and calls only.</summary>
    public ProbeAction AnyAction() => random.Next(10) switch
    {
        0 => new TimeAction(EmulatedPoint.ThreadNumberOffset, makesSystemCalls && random.Next(2) == 0),
        1 => new LevelAction(),
        2 => new WaitAction(EmulatedPoint.ThreadNumberOffset, random.Next()),
        3 => new BreakdownAction(EmulatedPoint.ThreadNumberOffset, HandMade.Start, EmulatedPoint.Entry) { Adopts = random.Next(2) == 0, EndsAtCaller = random.Next(2) == 0, BeginsAtSites = random.Next(4) == 0 },
        4 => new BreakAction(EmulatedPoint.ThreadNumberOffset),
        _ => Action(),
    };

    private ImmutableArray<Expression> Values(int least, int most) => [.. Enumerable.Range(0, random.Next(least, most + 1)).Select(_ => Value(4, random.Next(2) == 0))];

    private Expression Condition(int depth)
    {
        if (isHostile && random.Next(40) == 0) return Value(depth, false);
        return (depth == 0 ? 9 : random.Next(10)) switch
        {
            0 => new UnaryOperation(UnaryOperator.Not, Condition(depth - 1)),
            1 or 2 => new BinaryOperation(BinaryOperator.And, Condition(depth - 1), Condition(depth - 1)),
            3 or 4 => new BinaryOperation(BinaryOperator.Or, Condition(depth - 1), Condition(depth - 1)),
            5 when random.Next(4) == 0 => random.Next(2) == 0 ? new Inside("f", caller, EmulatedPoint.ThreadNumberOffset) : new Flag("x", EmulatedPoint.ThreadNumberOffset),
            5 => new CalledFrom("f", random.Next(2) == 0 ? caller : new AddressRange(new Address((ulong)random.NextInt64()), (ulong)random.Next())),
            6 => random.Next(4) switch
            {
                0 => new RateLimit(1, random.Next(2) == 0 ? 1UL : 1UL << 60),
                1 => new Every((uint)random.Next(1 << 28, 1 << 30)),
                _ => new Every((uint)random.Next(1, 4)),
            },
            _ => Comparison(depth),
        };
    }

    private BinaryOperation Comparison(int depth)
    {
        var isSigned = random.Next(2) == 0;
        return new BinaryOperation(Comparisons[random.Next(Comparisons.Length)], Value(depth, isSigned), random.Next(2) == 0 ? Number() : Value(depth, isSigned));
    }

    /// <summary>Of one signedness all through, so that it has a type.</summary>
    private Expression Value(int depth, bool isSigned)
    {
        if (isHostile && random.Next(40) == 0) return random.Next(4) switch { 0 => Condition(1), 1 => new Argument(random.Next(6)), _ => Value(depth, !isSigned) };
        return (depth == 0 ? random.Next(4) : random.Next(9)) switch
        {
            0 when makesSystemCalls && random.Next(4) == 0 => new Cast(new IntegerType(8, isSigned), random.Next(2) == 0 ? new SystemCallValue("pid", SystemCallValue.GetPid) : new SystemCallValue("uid", SystemCallValue.GetUid)),
            0 when random.Next(6) == 0 => new UnaryOperation(UnaryOperator.Negate, new Cast(new IntegerType(8, isSigned), new RegisterValue(Register.RSI))),
            0 => Number(),
            1 when random.Next(6) == 0 => new Cast(new IntegerType(8, isSigned), new DataAddress("data", EmulatedPoint.Variable)),
            1 => new Cast(new IntegerType(8, isSigned), new RegisterValue(Registers[random.Next(Registers.Length)])),
            2 when random.Next(4) == 0 => new Cast(new IntegerType(4, isSigned), new ThreadNumber(EmulatedPoint.ThreadNumberOffset)),
            2 => isSigned ? new Cast(new IntegerType(8, true), new ReturnAddress()) : random.Next(2) == 0 ? new RegisterValue(Registers[random.Next(Registers.Length)]) : new ReturnAddress(),
            3 => Load(isSigned),
            4 => new Cast(new IntegerType(1 << random.Next(4), isSigned), Value(depth - 1, random.Next(2) == 0)),
            5 => new UnaryOperation(UnaryOperator.Complement, Value(depth - 1, isSigned)),
            6 => new BinaryOperation(random.Next(2) == 0 ? BinaryOperator.ShiftLeft : BinaryOperator.ShiftRight, Value(depth - 1, isSigned), new Number((ulong)random.Next(isHostile ? 70 : 64))),
            _ => new BinaryOperation(Arithmetic[random.Next(Arithmetic.Length)], Value(depth - 1, isSigned), Value(depth - 1, isSigned)),
        };
    }

    /// <summary>Within what <see cref="EmulatedPoint"/> proves: rdi+8 to rdi+16, and the stack from rsp to the return address, 16 bytes above it.</summary>
    private Expression Load(bool isSigned)
    {
        var bytes = 1 << random.Next(4);
        if (random.Next(6) == 0) return new Load(new IntegerType(bytes, isSigned), new BinaryOperation(BinaryOperator.Add, new DataAddress("data", EmulatedPoint.Variable), new Number((ulong)random.Next(isHostile ? 4096 : 2040))));
        // Through any pointer, or a pointer read through one: mapped or not.
        if (makesSystemCalls && random.Next(3) == 0) return new Load(new IntegerType(bytes, isSigned), random.Next(2) == 0 ? Value(2, false) : At(Register.RDI, random.Next(-16, 24)));
        if (isHostile && random.Next(3) == 0) return new Load(new IntegerType(bytes, isSigned), random.Next(2) == 0 ? Value(2, false) : At(Registers[random.Next(Registers.Length)], random.Next(-64, 64)));
        return new Load(new IntegerType(bytes, isSigned), random.Next(2) == 0 ? At(Register.RDI, random.Next(8, 17 - bytes)) : At(Register.RSP, random.Next(0, 25 - bytes)));
    }

    private static Expression At(Register register, int offset) => offset switch
    {
        0 => new RegisterValue(register),
        < 0 => new BinaryOperation(BinaryOperator.Subtract, new RegisterValue(register), new Number((ulong)-offset)),
        _ => new BinaryOperation(BinaryOperator.Add, new RegisterValue(register), new Number((ulong)offset)),
    };

    private Number Number() => new(random.Next(2) == 0 ? Edges[random.Next(Edges.Length)] : (ulong)random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64));
}
