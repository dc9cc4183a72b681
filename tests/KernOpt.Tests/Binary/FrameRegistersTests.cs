using System.Collections.Immutable;
using KernOpt.Binary;
using Xunit;

namespace KernOpt.Tests.Binary;

/// <summary>One step up a stack, by rules written by hand.</summary>
public sealed class FrameRegistersTests
{
    private const ulong Stack = 0x7000;

    private static readonly FrameRegisters Callee = Registers((7, Stack), (6, Stack + 64), (3, 0xB), (0, 0xA), (16, 0x1000));

    [Fact]
    public void WhatIsNotMentioned_IsKept_WhereCallsKeepIt()
    {
        var (caller, end) = Callee.Unwind(Row(CfaRule.At(7, 16), (16, new(RegisterRuleKind.AtOffset, -8))), false, at => at == Stack + 8 ? 0x2000UL : null);
        Assert.Equal(FrameEnd.None, end);
        Assert.Equal(((ulong?)0x2000, (ulong?)(Stack + 16), (ulong?)0xB, null), (caller!.Next, caller.StackPointer, caller.Values[3], caller.Values[0]));
    }

    [Fact]
    public void RulesOfEveryKind_SayWhereARegisterIs()
    {
        var row = Row(CfaRule.At(6, 16), (16, new(RegisterRuleKind.AtOffset, -8)), (3, new(RegisterRuleKind.InRegister, 0)), (12, new(RegisterRuleKind.IsOffset, -16)), (13, new(RegisterRuleKind.SameValue, 0)),
            (14, new(RegisterRuleKind.Undefined, 0)), (15, new RegisterRule(RegisterRuleKind.Expression, 0) { Code = Code(0x23, 8) }), (6, new RegisterRule(RegisterRuleKind.ValueExpression, 0) { Code = Code(0x38, 0x22) }));
        var (caller, _) = Callee.Unwind(row, false, at => at);
        Assert.Equal(new ulong?[] { 0xA, Stack + 64, null, null, Stack + 88, Stack + 88, Stack + 72 }, new[] { 3, 12, 13, 14, 15, 6, 16 }.Select(r => caller!.Values[r]));
    }

    [Fact]
    public void AFrame_HasNoneAbove_WhereItSaysSo_OrItIsNotThere_OrMakesNoSense()
    {
        var usual = CfaRule.At(7, 16);
        RegisterRule saved = new(RegisterRuleKind.AtOffset, -8);
        Assert.Equal(FrameEnd.Outermost, Callee.Unwind(Row(usual, (16, new(RegisterRuleKind.Undefined, 0))), false, _ => 1).End);
        Assert.Equal(FrameEnd.Outermost, Callee.Unwind(Row(usual, (16, saved)), false, _ => 0).End);
        Assert.Equal(FrameEnd.NoMemory, Callee.Unwind(Row(usual, (16, saved)), false, _ => null).End);
        // A register that is not known, one that there is not, no rule, a stack that does not go up.
        Assert.Equal(FrameEnd.NotKnown, Callee.Unwind(Row(CfaRule.At(12, 16), (16, saved)), false, _ => 1).End);
        Assert.Equal(FrameEnd.NotKnown, Callee.Unwind(Row(CfaRule.At(99, 16), (16, saved)), false, _ => 1).End);
        Assert.Equal(FrameEnd.NotKnown, Callee.Unwind(Row(usual), false, _ => 1).End);
        Assert.Equal(FrameEnd.NotKnown, Callee.Unwind(Row(CfaRule.At(7, 0), (16, saved)), false, _ => 1).End);
        Assert.Equal(FrameEnd.None, Callee.Unwind(Row(CfaRule.At(7, 0), (16, saved)), true, _ => 1).End);
    }

    /// <summary>The linker's: <c>breg7 8; breg16 0; lit15; and; lit11; ge; lit3; shl; plus</c>.</summary>
    [Theory]
    [InlineData(0x100AUL, Stack + 8)]
    [InlineData(0x100BUL, Stack + 16)]
    public void TheExpressionOfALinkersStub_DependsOnWhereItIs(ulong at, ulong cfa)
    {
        ulong? Register(int number) => number == 7 ? Stack : number == 16 ? at : null;
        Assert.Equal(cfa, UnwindExpression.Evaluate(Code(0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22), null, Register, _ => null));
    }

    [Theory]
    [InlineData("06", null)]
    [InlineData("3022", null)]
    [InlineData("77", null)]
    [InlineData("7100", null)]
    [InlineData("2f0000", null)]
    [InlineData("", null)]
    [InlineData("09ff0801 22", 0UL)]
    [InlineData("0affff 0bffff 22", 0xFFFEUL)]
    [InlineData("1080011c", null)]
    [InlineData("35341c", 1UL)]
    [InlineData("3512 1e", 25UL)]
    [InlineData("3534 16 13", 4UL)]
    public void Expressions_AreWhatTheyCompute_OrAreNotKnown(string code, ulong? value) =>
        Assert.Equal(value, UnwindExpression.Evaluate(new ByteView(Convert.FromHexString(code.Replace(" ", "", StringComparison.Ordinal))), null, n => n == 7 ? 1 : null, _ => null));

    private static FrameRegisters Registers(params (int Number, ulong Value)[] known)
    {
        var values = new ulong?[UnwindRow.RegisterCount];
        foreach (var (number, value) in known) values[number] = value;
        return new FrameRegisters([.. values]);
    }

    private static UnwindRow Row(CfaRule cfa, params (int Number, RegisterRule Rule)[] rules)
    {
        var all = new RegisterRule[UnwindRow.RegisterCount];
        foreach (var (number, rule) in rules) all[number] = rule;
        return new UnwindRow(0, cfa, ImmutableArray.Create(all));
    }

    private static ByteView Code(params byte[] code) => new(code);
}
