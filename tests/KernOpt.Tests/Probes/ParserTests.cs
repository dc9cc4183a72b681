using KernOpt.Probes.Actions;
using KernOpt.Probes.Language;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Probes;

public sealed class ParserTests
{
    internal static readonly INames NoFunctions = new OneFunction(null);

    [Theory]
    [InlineData("arg0 == 16 && every(100)", "arg0 == 16 && every(100)")]
    [InlineData("edi & 3 == 0", "edi & 3 == 0")]
    [InlineData("(edi & 3) == 0", "edi & 3 == 0")]
    [InlineData("rdi - (rsi - 1) * 2", "rdi - (rsi - 1) * 2")]
    [InlineData("rdi - rsi - 1", "rdi - rsi - 1")]
    [InlineData("i32(esi) < -5 || !(u8[rdi+0x10]!=7)", "i32(esi) < -5 || !(u8[rdi + 16] != 7)")]
    [InlineData("~-rax<<3|1", "~-rax << 3 | 1")]
    [InlineData("0xffffffffffffffff", "0xffffffffffffffff")]
    [InlineData("rate(100) && pid == 7 || 'libc.so.6!environ' == uid", "rate(100) && pid == 7 || 'libc.so.6!environ' == uid")]
    [InlineData("CALLER", null)]
    [InlineData("caller ^ AL", "caller ^ al")]
    public void Expressions_AreReadByPrecedence(string text, string? read)
    {
        var outcome = ExpressionParser.Parse(text, NoFunctions);
        if (read is null) Assert.Equal(Reasons.BadExpression, outcome.Refusal.Reason);
        else Assert.Equal(read, $"{outcome.Value}");
    }

    [Theory]
    [InlineData("", "column 1")]
    [InlineData("rdi +", "column 6")]
    [InlineData("rdi rsi", "column 5")]
    [InlineData("(rdi", "column 5")]
    [InlineData("foo == 3", "column 1")]
    [InlineData("arg6", "column 1")]
    [InlineData("every(0)", "column 7")]
    [InlineData("rate(0)", "column 6")]
    [InlineData("u32", "column 4")]
    [InlineData("u32[rdi", "column 8")]
    [InlineData("1 ? 2", "column 3")]
    [InlineData("99999999999999999999", "column 1")]
    [InlineData("12ab", "column 1")]
    [InlineData("xmm0 == 1", "column 1")]
    [InlineData("called_from('x", "column 13")]
    [InlineData("called_from(a+b)", "column 14")]
    public void WhatCannotBeRead_IsToldWithItsColumn(string text, string where)
    {
        var refusal = ExpressionParser.Parse(text, NoFunctions).Refusal;
        Assert.Equal(Reasons.BadExpression, refusal.Reason);
        Assert.StartsWith(where, refusal.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void AFunctionThatIsNotThere_IsRefusedAsSuch() =>
        Assert.Equal(Reasons.FunctionNotFound, ExpressionParser.Parse("called_from('libc.so.6!foo')", NoFunctions).Refusal.Reason);

    [Theory]
    [InlineData("rdi", false)]
    [InlineData("rdi == 3 && rsi", false)]
    [InlineData("!rdi", false)]
    [InlineData("(rdi == 1) + 1 == 2", false)]
    [InlineData("rdi == i64(rsi)", false)]
    [InlineData("rdi < -1", false)]
    [InlineData("rdi << rcx == 1", false)]
    [InlineData("rdi << 64 == 1", false)]
    [InlineData("every(3) + 1 == 2", false)]
    [InlineData("1 < 2 < 3", false)]
    [InlineData("i64(rdi) < -1", true)]
    [InlineData("1 << 63 == rdi", true)]
    [InlineData("i8(rdi) * 3 > -4 && !called_from(f)", true)]
    [InlineData("inside(f) && !flag(x) || rate(7)", true)]
    [InlineData("flag(x) == 1", false)]
    public void Conditions_HaveToBeSome(string text, bool isCondition)
    {
        var outcome = TypeCheck.Condition(ExpressionParser.Parse(text, new OneFunction(EmulatedPoint.Caller)).Value);
        Assert.Equal(isCondition, outcome.IsDone);
        if (!isCondition) Assert.Equal(Reasons.WrongType, outcome.Refusal.Reason);
    }

    [Theory]
    [InlineData("count")]
    [InlineData("values(arg0, u32(arg1))")]
    [InlineData("time")]
    [InlineData("trace")]
    [InlineData("locked-count")]
    [InlineData("cpu-time")]
    [InlineData("check(arg0 < 16)")]
    [InlineData("trace(caller, rsp + 8)")]
    public void Actions_AreWrittenAsTheyAreRead(string text) => Assert.Equal(text, $"{ActionParser.Parse(text, NoFunctions).Value}");

    [Theory]
    [InlineData("counts", 8008)]
    [InlineData("count(1)", 8010)]
    [InlineData("time(1)", 8010)]
    [InlineData("check", 8010)]
    [InlineData("hw", 8008)]
    [InlineData("hw(cache-misses)", 5508)]
    [InlineData("values()", 8010)]
    [InlineData("values", 8010)]
    [InlineData("values(1,2,3,4,5,6,7)", 8010)]
    [InlineData("trace(1,)", 8008)]
    [InlineData("trace(1", 8008)]
    [InlineData("count count", 8008)]
    [InlineData("", 8008)]
    public void WhatIsNoAction_IsRefused(string text, int reason) => Assert.Equal(reason, ActionParser.Parse(text, NoFunctions).Refusal.Reason.Number);

    /// <summary>What is written is read as the same again, whatever it is.</summary>
    [Fact]
    public void RandomExpressions_SurviveWritingAndReading()
    {
        var seed = Random.Shared.Next();
        var source = new RandomPrograms(new Random(seed), EmulatedPoint.Caller, isHostile: true);
        for (var i = 0; i < 2000; i++)
        {
            if (source.When() is not { } when) continue;
            var again = ExpressionParser.Parse($"{when}", new OneFunction(EmulatedPoint.Caller));
            Assert.True(again.IsDone && $"{again.Value}" == $"{when}", $"seed {seed}: {when}: {again}");
        }
    }

    [Fact]
    public void RandomTexts_AreReadOrRefused()
    {
        const string signs = "rdi0x19argu32[]()&&||==<>!~+-*^, 'every";
        var random = new Random();
        for (var i = 0; i < 20_000; i++)
        {
            var text = new string([.. Enumerable.Range(0, random.Next(30)).Select(_ => signs[random.Next(signs.Length)])]);
            if (!ExpressionParser.Parse(text, NoFunctions).Try(out var expression, out var why)) Assert.NotEmpty(why.Detail);
            else _ = TypeCheck.KindOf(expression);
        }
        Assert.Equal(Reasons.BadExpression, ExpressionParser.Parse(new string('(', 4000), NoFunctions).Refusal.Reason);
        Assert.Equal(Reasons.BadExpression, ExpressionParser.Parse(new string('-', 4000) + "1", NoFunctions).Refusal.Reason);
        Assert.Equal(Reasons.BadExpression, ExpressionParser.Parse(string.Join("+", Enumerable.Repeat("1", 2000)), NoFunctions).Refusal.Reason);
    }

    /// <summary>Every name is the one function's, or nobody's.</summary>
    internal sealed class OneFunction(AddressRange? range) : INames
    {
        public Outcome<AddressRange> Function(string name) => range is { } known ? known : Reasons.FunctionNotFound.With(name);

        public Outcome<int> ThreadNumberOffset() => EmulatedPoint.ThreadNumberOffset;

        public Outcome<DataPlace> Data(string name) => EmulatedPoint.Variable;

        public Outcome<ulong> TicksPerSecond() => 2_000_000_000;
    }
}
