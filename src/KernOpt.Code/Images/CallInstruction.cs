namespace KernOpt.Code.Images;

/// <summary>Whether an address can be one that a call returns to: whether code that ends there can be read as a call instruction (Intel SDM 2, "CALL": e8, ff /2).</summary>
internal static class CallInstruction
{
    private const byte Near = 0xe8, Indirect = 0xff;
    private const int NearBytes = 5;

    /// <summary>The longest without prefixes, which may be anything.</summary>
    public const int MostBytes = 7;

    /// <summary>Before: the bytes that end at the address.</summary>
    public static bool MayEnd(ReadOnlySpan<byte> before)
    {
        if (before.Length >= NearBytes && before[^NearBytes] == Near) return true;
        for (var length = 2; length <= Math.Min(before.Length, MostBytes); length++)
        {
            if (before[^length] == Indirect && LengthOf(before[^length..]) == length) return true;
        }
        return false;
    }

    /// <summary>Of opcode, ModRM, SIB and displacement (Intel SDM 2, table 2-2 and 2-3); 0 when it is another instruction.</summary>
    private static int LengthOf(ReadOnlySpan<byte> code)
    {
        var (mode, operation, register) = (code[1] >> 6, code[1] >> 3 & 7, code[1] & 7);
        if (operation != 2) return 0;
        if (mode == 3) return 2;
        var hasIndex = register == 4;
        if (hasIndex && code.Length < 3) return 0;
        var isAbsolute = mode == 0 && (hasIndex ? (code[2] & 7) == 5 : register == 5);
        return 2 + (hasIndex ? 1 : 0) + (mode == 1 ? 1 : mode == 2 || isAbsolute ? 4 : 0);
    }
}
