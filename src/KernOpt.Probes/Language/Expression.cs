using System.Collections.Immutable;
using System.Globalization;
using Iced.Intel;
using KernOpt.Target;

namespace KernOpt.Probes.Language;

/// <summary>
/// A value that code at a point computes, 64 bits wide, or a condition. It has no loops, no calls and no stores; what it reads through a pointer must be proved readable where
/// it is used (<see cref="Compile.ReadProof"/>). Built by hand or by <see cref="ExpressionParser"/>; <see cref="TypeCheck"/> says whether it means anything. Two that
/// look alike are equal.
/// </summary>
public abstract record Expression
{
    private protected Expression()
    {
    }

    /// <summary>Its parts, left to right.</summary>
    public virtual ImmutableArray<Expression> Parts => [];

    /// <summary>It and all its parts, the parts first.</summary>
    public IEnumerable<Expression> All() => Parts.SelectMany(p => p.All()).Append(this);
}

/// <summary>A number, signed or not as its neighbour asks.</summary>
public sealed record Number(ulong Value) : Expression
{
    public override string ToString() => Value < 4096 ? Value.ToString(CultureInfo.InvariantCulture) : $"0x{Value:x}";
}

/// <summary>A general register as it is at the point, as wide as its name says, extended by zeros: <c>rdi</c>, <c>esi</c>, <c>al</c>, <c>ch</c>.</summary>
public sealed record RegisterValue(Register Register) : Expression
{
    public override string ToString() => Register.ToString().ToLowerInvariant();
}

/// <summary><c>arg0</c> … <c>arg5</c>: the integer arguments, 64 bits, where a function begins (x86-64 psABI, 3.2.3: rdi, rsi, rdx, rcx, r8, r9).</summary>
public sealed record Argument(int Index) : Expression
{
    private static readonly ImmutableArray<Register> Registers = [Register.RDI, Register.RSI, Register.RDX, Register.RCX, Register.R8, Register.R9];

    public static int Count => Registers.Length;

    public Register Register => Registers[Index];

    public override string ToString() => $"arg{Index}";
}

/// <summary><c>caller</c>: the address that the function returns to.</summary>
public sealed record ReturnAddress : Expression
{
    public override string ToString() => "caller";
}

/// <summary><c>tid</c>: the number of the thread, as the C library keeps it so many bytes above the thread pointer (<see cref="ITarget.FindThreadNumberOffset"/>).</summary>
public sealed record ThreadNumber(int Offset) : Expression
{
    public override string ToString() => "tid";
}

/// <summary><c>called_from(FUNC)</c>: the function returns into that one. A call that became a jump (a tail call) hides who made it.</summary>
public sealed record CalledFrom(string Name, AddressRange Function) : Expression
{
    public override string ToString() => $"called_from({Name})";
}

/// <summary>
/// <c>every(N)</c>: one passage in N on average, 1..2^30, at irregular distances so that it does not beat with a periodic caller. Threads that pass at the same moment may share a
/// step: exact is only what is counted.
/// </summary>
public sealed record Every(uint N) : Expression
{
    public override string ToString() => $"every({N})";
}

/// <summary>
/// <c>rate(N)</c>: at most N passages a second, 1..1,000,000, of each place: none that comes sooner than a Nth of a second, by the processor's time stamp, after the last one that was let through.
/// </summary>
public sealed record RateLimit(uint N, ulong TicksPerSecond) : Expression
{
    /// <summary>From one passage to the next, rounded up.</summary>
    public ulong Ticks => (TicksPerSecond + N - 1) / N;

    public override string ToString() => $"rate({N})";
}

/// <summary><c>'VARIABLE'</c>: where data of a module lies.</summary>
public sealed record DataAddress(string Name, DataPlace Place) : Expression
{
    public override string ToString() => $"'{Name}'";
}

/// <summary><c>pid</c>, <c>uid</c>: what the kernel answers to the thread that passes, so also right in a forked child. Needs system calls to be allowed.</summary>
public sealed record SystemCallValue(string Name, int Number) : Expression
{
    public const int GetPid = 39, GetUid = 102;

    public override string ToString() => Name;
}

/// <summary><c>u32[ADDRESS]</c>: memory, 1, 2, 4 or 8 bytes, extended by zeros or by its sign.</summary>
public sealed record Load(IntegerType Type, Expression Address) : Expression
{
    public override ImmutableArray<Expression> Parts => [Address];
    public override string ToString() => $"{Type}[{Address}]";
}

/// <summary><c>i32(VALUE)</c>: the low bits of a value, taken as a number of that type.</summary>
public sealed record Cast(IntegerType Type, Expression Value) : Expression
{
    public override ImmutableArray<Expression> Parts => [Value];
    public override string ToString() => $"{Type}({Value})";
}

public sealed record UnaryOperation(UnaryOperator Operator, Expression Value) : Expression
{
    public override ImmutableArray<Expression> Parts => [Value];
    public override string ToString() => $"{Operators.TextOf(Operator)}{Parenthesized.If(Value is BinaryOperation, Value)}";
}

public sealed record BinaryOperation(BinaryOperator Operator, Expression Left, Expression Right) : Expression
{
    public override ImmutableArray<Expression> Parts => [Left, Right];

    /// <summary>With the parentheses that it needs to be read as itself.</summary>
    public override string ToString()
    {
        var level = Operators.LevelOf(Operator);
        return $"{Parenthesized.If(Left is BinaryOperation l && BindsLess(l, level, true), Left)} {Operators.TextOf(Operator)} {Parenthesized.If(Right is BinaryOperation r && BindsLess(r, level, false), Right)}";
    }

    /// <summary>Operators of one level group to the left.</summary>
    private static bool BindsLess(BinaryOperation part, int level, bool isLeft)
    {
        var own = Operators.LevelOf(part.Operator);
        return own < level || (own == level && !isLeft);
    }
}

internal static class Parenthesized
{
    public static string If(bool needed, Expression expression) => needed ? $"({expression})" : $"{expression}";
}

/// <summary>An integer of 1, 2, 4 or 8 bytes: u8 … u64, i8 … i64.</summary>
public readonly record struct IntegerType(int Bytes, bool IsSigned)
{
    private static readonly ImmutableArray<IntegerType> Known =
        [new(1, false), new(2, false), new(4, false), new(8, false), new(1, true), new(2, true), new(4, true), new(8, true)];

    /// <summary>Null when the name is no type's.</summary>
    public static IntegerType? Named(string name)
    {
        foreach (var type in Known)
        {
            if (type.ToString() == name) return type;
        }
        return null;
    }

    public override string ToString() => $"{(IsSigned ? 'i' : 'u')}{8 * Bytes}";
}
