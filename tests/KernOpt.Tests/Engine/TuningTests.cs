using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Engine.Policies;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Tuning;
using KernOpt.Measure.Profiles;
using KernOpt.Target;
using KernOpt.Validate;
using Xunit;
using Bindings = KernOpt.Engine.Versions.Bindings;
using EntryBinding = KernOpt.Optimize.Guards.EntryBinding;

namespace KernOpt.Tests.Engine;

/// <summary>What the loop chooses to try, what it does not try again, and how bindings are written.</summary>
public sealed class TuningTests
{
    [Theory]
    [InlineData("rsi=16", Register.RSI, 16ul, 64)]
    [InlineData("ESI=0x10", Register.RSI, 16ul, 32)]
    [InlineData("arg5=0xffffffffffffffff", Register.R9, ulong.MaxValue, 64)]
    [InlineData("r8d=-1", Register.R8, 0xffff_fffful, 32)]
    [InlineData("rdi=-1", Register.RDI, ulong.MaxValue, 64)]
    public void Binding_IsRead(string text, Register register, ulong value, int bits) =>
        Assert.Equal(new EntryBinding(register, value, bits), Assert.Single(Bindings.Parse([text]).Value));

    [Theory]
    [InlineData("rsi")] [InlineData("rsi=")] [InlineData("=16")] [InlineData("rax=1")] [InlineData("rsi=1=2")] [InlineData("rsi=0x")] [InlineData("rsi=ten")]
    [InlineData("esi=0x100000000")] [InlineData("rsi=18446744073709551616")] [InlineData("xmm0=1")] [InlineData("")]
    public void Binding_ThatMeansNothing_IsRefused(string text) => Assert.Equal(Reasons.BadBinding, Bindings.Parse([text]).Refusal.Reason);

    [Fact]
    public void Binding_OfOneRegisterTwice_IsRefused() => Assert.Equal(Reasons.BadBinding, Bindings.Parse(["rsi=1", "esi=2"]).Refusal.Reason);

    [Fact]
    public void Attempt_ThatLost_WaitsForItsCoolDown_OthersDoNot()
    {
        var clock = new SetClock();
        var attempts = new Attempts(new CoolDowns { AfterLoss = TimeSpan.FromMinutes(1), AfterRollback = TimeSpan.FromMinutes(5) }, clock);
        Assert.True(attempts.MayTry("f|specialize|rsi=16"));
        attempts.Lost("f|specialize|rsi=16");
        attempts.RolledBack("g|outline|");
        Assert.False(attempts.MayTry("f|specialize|rsi=16"));
        Assert.True(attempts.MayTry("f|specialize|rsi=17"));
        clock.Now += TimeSpan.FromMinutes(2);
        Assert.True(attempts.MayTry("f|specialize|rsi=16"));
        Assert.False(attempts.MayTry("g|outline|"));
    }

    [Fact]
    public void Attempts_AreWrittenFromSeveralThreads()
    {
        var attempts = new Attempts(new CoolDowns(), TimeProvider.System);
        Parallel.For(0, 20_000, i => attempts.Lost($"f{i}"));
        Assert.All(Enumerable.Range(0, 20_000), i => Assert.False(attempts.MayTry($"f{i}")));
    }

    [Fact]
    public void ConstantArguments_AreChosen_OnlyWhenUsedAndConstantTogether()
    {
        // 0 is constant but unused; 1 and 2 are constant, and together; 3 varies.
        var profile = new ValueProfile(4);
        for (var i = 0ul; i < 1_000; i++) profile.Add([7, 16, i % 100 == 0 ? 4ul : 3ul, i], Address.Zero);
        var chosen = ConstantArguments.Of(Values(profile, unused: 0), Policy.Default, NoMap);
        Assert.Equal([new EntryBinding(Register.RSI, 16, 64), new EntryBinding(Register.RDX, 3, 64)], chosen);
    }

    [Fact]
    public void ConstantArguments_ThatAreNotConstantTogether_GiveOnlyTheBetterOne()
    {
        // Each holds in 93 of 100 calls, both in 86.
        var profile = new ValueProfile(2);
        for (var i = 0; i < 10_000; i++) profile.Add([i % 100 < 7 ? 1ul : 5ul, i % 100 >= 93 ? 2ul : 6ul], Address.Zero);
        Assert.Single(ConstantArguments.Of(Values(profile, unused: -1), Policy.Default, NoMap));
    }

    [Fact]
    public void ConstantArguments_OfTooFewCalls_AreNotBelieved()
    {
        var profile = new ValueProfile(1);
        for (var i = 0; i < 99; i++) profile.Add([5], Address.Zero);
        Assert.Empty(ConstantArguments.Of(Values(profile, unused: -1), Policy.Default, NoMap));
    }

    [Fact]
    public void ConstantPointers_AreChosen_OnlyToWhatIsNeverWritten()
    {
        var profile = new ValueProfile(3);
        for (var i = 0; i < 1_000; i++) profile.Add([0x5000, 0x7000, 0x9000], Address.Zero);
        var map = new TargetMap([Mapped(0x5000, Protection.Read | Protection.Write), Mapped(0x7000, Protection.Read)], []);
        Assert.Equal([Register.RDX, Register.RSI], ConstantArguments.Of(Values(profile, unused: -1), Policy.Default, map).Select(b => b.Argument).Order());
    }

    [Fact]
    public void ArgumentsThatTheProbeCannotSee_AreNoConstants_InTheSeeds()
    {
        var random = new Random(1);
        var seeds = Enumerable.Range(0, 100).Select(_ => ValueProfiler.Completed(new ArgumentTuple(1, 2, 0, 0, 0, 0), 0b111011, random)).ToList();
        Assert.All(seeds, s => Assert.Equal((1ul, 2ul, 0ul, 0ul, 0ul), (s.Rdi, s.Rsi, s.Rcx, s.R8, s.R9)));
        Assert.True(seeds.Select(s => s.Rdx).Distinct().Count() > 90);
        Assert.Contains(seeds, s => s.Rdx < 1_000_000);
        Assert.Contains(seeds, s => s.Rdx > uint.MaxValue);
    }

    private static TargetMap NoMap => new([], []);

    private static Mapping Mapped(ulong at, Protection protection) => new(new AddressRange(new Address(at), 0x1000), protection, 0, "", true, 0, 0);

    private static ValuesResult Values(ValueProfile profile, int unused)
    {
        Register[] registers = [Register.RDI, Register.RSI, Register.RDX, Register.RCX];
        return new ValuesResult(null!, profile, [.. profile.Arguments.Select((_, i) => new EntryArgument(registers[i], 64, i != unused))], []);
    }

    private sealed class SetClock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = DateTimeOffset.UnixEpoch;

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
