namespace KernOpt.Binary;

/// <summary>
/// DWARF expressions of call frame information (DWARF 5, 2.5 and 6.4.2): those of arithmetic, registers and memory, which go straight through. What branches, calls, or is of other descriptions
/// is not known here, and answered by null; so is what needs a register or a word that is not known.
/// </summary>
internal static class UnwindExpression
{
    private const int DeepestStack = 64;

    /// <summary>The value. Start: on the stack at the beginning, null for an empty one. Registers by DWARF number; word: memory.</summary>
    public static ulong? Evaluate(ByteView code, ulong? start, Func<int, ulong?> register, Func<ulong, ulong?> word)
    {
        var stack = new List<ulong>();
        if (start is { } first) stack.Add(first);
        for (ulong at = 0; at < code.Length;)
        {
            if (stack.Count > DeepestStack || !TryStep(code, ref at, stack, register, word)) return null;
        }
        return stack.Count > 0 ? stack[^1] : null;
    }

    private static bool TryStep(ByteView code, ref ulong at, List<ulong> stack, Func<int, ulong?> register, Func<ulong, ulong?> word)
    {
        code.TryByte(at++, out var operation);
        switch (operation)
        {
            case 0x06: return stack.Count > 0 && word(Pop(stack)) is { } loaded && Push(stack, loaded);
            case 0x03: return PointerReader.TryReadValue(code, ref at, 4, out var value) && Push(stack, value);
            case 0x08 or 0x09: return code.TryByte(at++, out var small) && Push(stack, operation == 0x08 ? small : unchecked((ulong)(sbyte)small));
            case >= 0x0a and <= 0x0f: return PointerReader.TryReadValue(code, ref at, Format(operation), out value) && Push(stack, value);
            case 0x10: return Leb.TryUnsigned(code, ref at, out value) && Push(stack, value);
            case 0x11: return Leb.TrySigned(code, ref at, out var signed) && Push(stack, unchecked((ulong)signed));
            case 0x12: return stack.Count > 0 && Push(stack, stack[^1]);
            case 0x13: return stack.Count > 0 && Pop(stack) is var _;
            case 0x14: return stack.Count > 1 && Push(stack, stack[^2]);
            case 0x16: return stack.Count > 1 && Push(stack, Pop(stack, 2));
            case 0x1f or 0x20: return stack.Count > 0 && Push(stack, operation == 0x1f ? unchecked(0 - Pop(stack)) : ~Pop(stack));
            case 0x23: return stack.Count > 0 && Leb.TryUnsigned(code, ref at, out value) && Push(stack, unchecked(Pop(stack) + value));
            case 0x1a or 0x1c or 0x1e or 0x21 or 0x22 or >= 0x24 and <= 0x27 or >= 0x29 and <= 0x2e: return stack.Count > 1 && Combine(operation, stack);
            case >= 0x30 and <= 0x4f: return Push(stack, operation - 0x30u);
            case >= 0x70 and <= 0x8f: return Leb.TrySigned(code, ref at, out signed) && register(operation - 0x70) is { } based && Push(stack, unchecked(based + (ulong)signed));
            case 0x96: return true;
            default: return false;
        }
    }

    /// <summary>const2u, const2s, const4u, const4s, const8u, const8s as encodings of pointers.</summary>
    private static byte Format(byte operation) => operation switch { 0x0a => 2, 0x0b => 0xa, 0x0c => 3, 0x0d => 0xb, 0x0e => 4, _ => 0xc };

    private static bool Combine(byte operation, List<ulong> stack)
    {
        var right = Pop(stack);
        var left = Pop(stack);
        return Push(stack, unchecked(operation switch
        {
            0x1a => left & right,
            0x1c => left - right,
            0x1e => left * right,
            0x21 => left | right,
            0x22 => left + right,
            0x24 => right < 64 ? left << (int)right : 0,
            0x25 => right < 64 ? left >> (int)right : 0,
            0x26 => (ulong)((long)left >> (int)Math.Min(right, 63)),
            0x27 => left ^ right,
            0x29 => Truth(left == right),
            0x2a => Truth((long)left >= (long)right),
            0x2b => Truth((long)left > (long)right),
            0x2c => Truth((long)left <= (long)right),
            0x2d => Truth((long)left < (long)right),
            _ => Truth(left != right),
        }));
    }

    private static ulong Truth(bool holds) => holds ? 1UL : 0;

    private static bool Push(List<ulong> stack, ulong value)
    {
        stack.Add(value);
        return true;
    }

    private static ulong Pop(List<ulong> stack, int fromTop = 1)
    {
        var value = stack[^fromTop];
        stack.RemoveAt(stack.Count - fromTop);
        return value;
    }
}
