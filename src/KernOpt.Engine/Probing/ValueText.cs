using KernOpt.Engine.Sessions;
using KernOpt.Probes.Language;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>How values are written: callers by their name, small numbers as they are, large ones in hexadecimal digits.</summary>
internal static class ValueText
{
    private const long Large = 1_000_000;

    public static string Of(Session session, Expression expression, ulong value)
    {
        if (expression is ReturnAddress && session.FunctionAt(new Address(value)) is { } caller) return caller.NameOf(new Address(value));
        if (TypeCheck.KindOf(expression).Value == ValueKind.Signed && (long)value is < 0 and > -Large) return $"{(long)value}";
        return value < (ulong)Large ? $"{value}" : $"0x{value:x}";
    }
}
