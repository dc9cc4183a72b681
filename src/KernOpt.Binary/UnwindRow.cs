using System.Collections.Immutable;

namespace KernOpt.Binary;

/// <summary>How the canonical frame address (rsp before the call) is found: Register + Offset, or a DWARF expression.</summary>
public readonly record struct CfaRule(byte Register, long Offset, bool IsExpression)
{
    public static CfaRule At(byte register, long offset) => new(register, offset, false);
    public static readonly CfaRule Expression = new(0, 0, true);

    /// <summary>The expression, when it is one.</summary>
    internal ByteView Code { get; init; }
}

public enum RegisterRuleKind : byte
{
    /// <summary>Not mentioned: unchanged where the ABI says that it is preserved.</summary>
    Unspecified,
    Undefined,
    SameValue,
    /// <summary>Saved at CFA + Offset.</summary>
    AtOffset,
    /// <summary>Is CFA + Offset.</summary>
    IsOffset,
    /// <summary>In the register whose number is Offset.</summary>
    InRegister,
    /// <summary>Saved where a DWARF expression says.</summary>
    Expression,
    /// <summary>What a DWARF expression says.</summary>
    ValueExpression,
}

public readonly record struct RegisterRule(RegisterRuleKind Kind, long Offset)
{
    /// <summary>The expression, when it is one.</summary>
    internal ByteView Code { get; init; }
}

/// <summary>
/// The unwind rules from Start (bytes from the start of the function) up to the next row. Registers are indexed by DWARF number
/// (x86-64 psABI, figure 3.36): 0..15 general purpose, 16 the return address. Rules for others (vector registers) are not kept.
/// </summary>
public sealed record UnwindRow(ulong Start, CfaRule Cfa, ImmutableArray<RegisterRule> Registers)
{
    public const byte Rbp = 6;
    public const byte Rsp = 7;
    public const byte ReturnAddress = 16;
    public const int RegisterCount = 17;
}
