namespace KernOpt.Binary;

/// <summary>
/// Runs call frame instructions (DWARF 5, 6.4.2; GNU extensions as in LSB Core). A step is one instruction; the budget that is shared by all entries
/// of a file bounds what overlapping hostile entries can cost. It stops at the first thing that it does not know.
/// </summary>
internal sealed class UnwindProgram(ByteView code, CommonEntry common, FileAddress functionStart, FileAddress codeStart)
{
    private const int DeepestStack = 64;

    private readonly RegisterRule[] registers = new RegisterRule[UnwindRow.RegisterCount];
    private readonly Stack<(CfaRule Cfa, RegisterRule[] Registers)> saved = new();
    private CfaRule cfa;
    private ulong location;
    private ulong at;

    /// <summary>Something unknown, truncated or contradictory was met; rows after it do not exist.</summary>
    public bool IsCorrupt { get; private set; }

    public void StartFrom(UnwindRow row)
    {
        cfa = row.Cfa;
        row.Registers.CopyTo(registers);
    }

    /// <summary>The next row, that is, all instructions up to one that advances; null after the last one.</summary>
    public UnwindRow? NextRow(ref long budget)
    {
        if (IsCorrupt || at > code.Length) return null;
        var start = location;
        var row = default(UnwindRow);
        while (row is null && at < code.Length)
        {
            if (budget-- <= 0 || !TryStep(out var advance))
            {
                IsCorrupt = true;
                return null;
            }
            if (advance is not { } to) continue;
            if (to != location) row = Current(start);
            location = to;
        }
        if (row is not null) return row;
        at = code.Length + 1;
        return Current(start);
    }

    private UnwindRow Current(ulong start) => new(start, cfa, [.. registers]);

    /// <summary>One instruction. Advance is the new location when it is one that moves on.</summary>
    private bool TryStep(out ulong? advance)
    {
        advance = null;
        code.TryByte(at++, out var instruction);
        var low = (ulong)(instruction & 0x3f);
        switch (instruction & 0xc0)
        {
            case 0x40:
                advance = location + low * common.CodeAlignment;
                return true;
            case 0x80: return TryUnsigned(out var factored) && Set(low, RegisterRuleKind.AtOffset, Scale(factored));
            case 0xc0: return Restore(low);
            default: return instruction is 0x01 or 0x02 or 0x03 or 0x04 ? TryAdvance(instruction, out advance) : TryExtended(instruction);
        }
    }

    private bool TryAdvance(byte instruction, out ulong? advance)
    {
        advance = null;
        if (instruction == 0x01)
        {
            if (!PointerReader.TryRead(code, ref at, common.PointerEncoding, codeStart, default, out var target) || target is not { } to) return false;
            advance = to.Address - functionStart;
            return true;
        }
        var format = instruction switch { 0x02 => (byte)0, 0x03 => (byte)2, _ => (byte)3 };
        ulong delta;
        if (format == 0)
        {
            if (!code.TryByte(at++, out var small)) return false;
            delta = small;
        }
        else if (!PointerReader.TryReadValue(code, ref at, format, out delta))
        {
            return false;
        }
        advance = location + delta * common.CodeAlignment;
        return true;
    }

    private bool TryExtended(byte instruction)
    {
        switch (instruction)
        {
            case 0x00: return true;
            case 0x05: return TryPair(out var r, out var n) && Set(r, RegisterRuleKind.AtOffset, Scale(n));
            case 0x06: return TryUnsigned(out r) && Restore(r);
            case 0x07: return TryUnsigned(out r) && Set(r, RegisterRuleKind.Undefined, 0);
            case 0x08: return TryUnsigned(out r) && Set(r, RegisterRuleKind.SameValue, 0);
            case 0x09: return TryPair(out r, out n) && Set(r, RegisterRuleKind.InRegister, unchecked((long)n));
            case 0x0a: return Remember();
            case 0x0b: return Recall();
            case 0x0c: return TryPair(out r, out n) && Define(r, unchecked((long)n));
            case 0x0d: return TryUnsigned(out r) && !cfa.IsExpression && Define(r, cfa.Offset);
            case 0x0e: return TryUnsigned(out n) && !cfa.IsExpression && Define(cfa.Register, unchecked((long)n));
            case 0x0f:
                if (!TryBlock(out var block)) return false;
                cfa = CfaRule.Expression with { Code = block };
                return true;
            case 0x10: return TryUnsigned(out r) && TryBlock(out block) && Set(r, RegisterRuleKind.Expression, 0, block);
            case 0x16: return TryUnsigned(out r) && TryBlock(out block) && Set(r, RegisterRuleKind.ValueExpression, 0, block);
            case 0x11: return TryUnsigned(out r) && TrySigned(out var s) && Set(r, RegisterRuleKind.AtOffset, Scale(unchecked((ulong)s)));
            case 0x12: return TryUnsigned(out r) && TrySigned(out s) && Define(r, Scale(unchecked((ulong)s)));
            case 0x13: return TrySigned(out s) && !cfa.IsExpression && Define(cfa.Register, Scale(unchecked((ulong)s)));
            case 0x14: return TryPair(out r, out n) && Set(r, RegisterRuleKind.IsOffset, Scale(n));
            case 0x15: return TryUnsigned(out r) && TrySigned(out s) && Set(r, RegisterRuleKind.IsOffset, Scale(unchecked((ulong)s)));
            case 0x2e: return TryUnsigned(out _);
            case 0x2f: return TryPair(out r, out n) && Set(r, RegisterRuleKind.AtOffset, unchecked(-Scale(n)));
            default: return false;
        }
    }

    private long Scale(ulong factored) => unchecked((long)factored * common.DataAlignment);

    private bool Set(ulong register, RegisterRuleKind kind, long offset, ByteView expression = default)
    {
        if (register < UnwindRow.RegisterCount) registers[register] = new RegisterRule(kind, offset) { Code = expression };
        return true;
    }

    private bool Restore(ulong register)
    {
        if (common.InitialRow is not { } initial) return false;
        if (register < UnwindRow.RegisterCount) registers[register] = initial.Registers[(int)register];
        return true;
    }

    private bool Define(ulong register, long offset)
    {
        if (register >= UnwindRow.RegisterCount) return false;
        cfa = CfaRule.At((byte)register, offset);
        return true;
    }

    private bool Remember()
    {
        if (saved.Count >= DeepestStack) return false;
        saved.Push((cfa, [.. registers]));
        return true;
    }

    private bool Recall()
    {
        if (!saved.TryPop(out var state)) return false;
        cfa = state.Cfa;
        state.Registers.CopyTo(registers, 0);
        return true;
    }

    private bool TryBlock(out ByteView block)
    {
        block = default;
        if (!TryUnsigned(out var length) || length > code.Length - Math.Min(at, code.Length)) return false;
        block = code.Slice(at, length);
        at += length;
        return true;
    }

    private bool TryUnsigned(out ulong value) => Leb.TryUnsigned(code, ref at, out value);

    private bool TrySigned(out long value) => Leb.TrySigned(code, ref at, out value);

    private bool TryPair(out ulong first, out ulong second)
    {
        second = 0;
        return TryUnsigned(out first) && TryUnsigned(out second);
    }
}
