using System.Collections.Immutable;

namespace KernOpt.Binary;

/// <summary>Why there is no frame above.</summary>
public enum FrameEnd
{
    /// <summary>There is one.</summary>
    None,
    /// <summary>The table says so, or it returns to 0: a thread or a program began here.</summary>
    Outermost,
    /// <summary>The memory that holds its return address is not there.</summary>
    NoMemory,
    /// <summary>A rule needs what is not known, or makes no sense.</summary>
    NotKnown,
}

/// <summary>The registers of one frame by DWARF number (<see cref="UnwindRow"/>), 16 being where it goes on; null where the value is not known.</summary>
public sealed record FrameRegisters(ImmutableArray<ulong?> Values)
{
    public ulong? StackPointer => Values[UnwindRow.Rsp];
    public ulong? Next => Values[UnwindRow.ReturnAddress];

    /// <summary>
    /// The registers of the frame that this one returns to, by the rules that hold where it is (DWARF 5, 6.4.1), and why there is none. What no rule mentions is unchanged, as far as the psABI has calls
    /// keep it. Word: eight bytes of memory, null where they are not known.
    /// </summary>
    public (FrameRegisters? Caller, FrameEnd End) Unwind(UnwindRow row, bool isSignalFrame, Func<ulong, ulong?> word)
    {
        if (row.Registers[UnwindRow.ReturnAddress].Kind == RegisterRuleKind.Undefined) return (null, FrameEnd.Outermost);
        var isLacking = false;
        if (CfaOf(row, Loaded) is not { } cfa) return NotFound();
        var caller = new FrameRegisters([.. row.Registers.Select((rule, number) => ValueOf(rule, number))]);
        if (caller.Next == 0) return (null, FrameEnd.Outermost);
        if (caller.Next is null || caller.StackPointer is not { } above) return NotFound();
        // Without this an error in a table would not end. A signal's handler may have a stack of its own.
        return isSignalFrame || above > StackPointer ? (caller, FrameEnd.None) : (null, FrameEnd.NotKnown);

        (FrameRegisters?, FrameEnd) NotFound() => (null, isLacking ? FrameEnd.NoMemory : FrameEnd.NotKnown);

        ulong? ValueOf(RegisterRule rule, int number) => rule.Kind switch
        {
            RegisterRuleKind.Unspecified when number == UnwindRow.Rsp => cfa,
            RegisterRuleKind.Unspecified when !IsKept(number) => null,
            RegisterRuleKind.Unspecified or RegisterRuleKind.SameValue => Values[number],
            RegisterRuleKind.AtOffset => Loaded(unchecked(cfa + (ulong)rule.Offset)),
            RegisterRuleKind.IsOffset => unchecked(cfa + (ulong)rule.Offset),
            RegisterRuleKind.InRegister => rule.Offset is >= 0 and < UnwindRow.RegisterCount ? Values[(int)rule.Offset] : null,
            RegisterRuleKind.Expression => Evaluate(rule.Code, cfa, Loaded) is { } at ? Loaded(at) : null,
            RegisterRuleKind.ValueExpression => Evaluate(rule.Code, cfa, Loaded),
            _ => null,
        };

        ulong? Loaded(ulong at)
        {
            var value = word(at);
            isLacking |= value is null;
            return value;
        }
    }

    private ulong? CfaOf(UnwindRow row, Func<ulong, ulong?> word)
    {
        if (row.Cfa.IsExpression) return Evaluate(row.Cfa.Code, null, word);
        return row.Cfa.Register < UnwindRow.RegisterCount && Values[row.Cfa.Register] is { } value ? unchecked(value + (ulong)row.Cfa.Offset) : null;
    }

    private ulong? Evaluate(ByteView expression, ulong? start, Func<ulong, ulong?> word) =>
        UnwindExpression.Evaluate(expression, start, number => number < Values.Length ? Values[number] : null, word);

    /// <summary>rbx, rbp, r12 to r15.</summary>
    private static bool IsKept(int number) => number is 3 or UnwindRow.Rbp or >= 12 and <= 15;
}
