using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Optimize.Guards;
using KernOpt.Optimize.Versions;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Optimize;

/// <summary>Versions of compiled functions do what the originals do, for the bound values and random other arguments, and are what they should be.</summary>
public sealed unsafe class VersionTests(NativeSample sample, ITestOutputHelper output) : IClassFixture<NativeSample>
{
    private readonly Random random = new(20);

    public static TheoryData<ulong, ulong> FilterBindings()
    {
        var data = new TheoryData<ulong, ulong>();
        foreach (var mode in new ulong[] { 0, 1, 2, 3, 4, 5, 6, 7, 900 })
        {
            foreach (var divisor in new ulong[] { 1, 3, 7, 10, 64, 641, 1000000007, 0xfffffffe }) data.Add(mode, divisor);
        }
        return data;
    }

    [Theory, MemberData(nameof(FilterBindings))]
    public void Filter_WithModeAndDivisor_IsStraightAndRight(ulong mode, ulong divisor)
    {
        var version = Specialize("filter", new(Register.RDX, mode, 32), new(Register.RCX, divisor, 32));
        AssertNoTable(version);
        AssertNoDivision(version);
        var (original, full, guarded) = Entries(version, "filter");
        for (var n = 0; n < 20; n++)
        {
            var input = Bytes(random.Next(200));
            fixed (byte* p = input)
            {
                var expected = Filter(original, p, input.Length, (uint)mode, (uint)divisor);
                Assert.Equal(expected, Filter(full, p, input.Length, (uint)mode, (uint)divisor));
                Assert.Equal(expected, Filter(guarded, p, input.Length, (uint)mode, (uint)divisor));
            }
        }
    }

    [Fact]
    public void Guard_OtherValues_GoToTheOriginal_AndAreCounted()
    {
        sample.Counter = 0;
        var version = Specialize("filter", new(Register.RDX, 3, 32), new(Register.RCX, 641, 32));
        var (original, _, guarded) = Entries(version, "filter");
        var misses = 0ul;
        for (var n = 0; n < 200; n++)
        {
            var (mode, divisor) = ((uint)random.Next(2, 5), random.Next(2) == 0 ? 641u : 640u);
            if (mode != 3 || divisor != 641) misses++;
            var input = Bytes(50);
            fixed (byte* p = input) Assert.Equal(Filter(original, p, 50, mode, divisor), Filter(guarded, p, 50, mode, divisor));
        }
        Assert.Equal(misses, sample.Counter);
    }

    [Theory]
    [InlineData(1)] [InlineData(2)] [InlineData(3)] [InlineData(7)] [InlineData(1000)] [InlineData(1 << 20)] [InlineData(1000003)]
    [InlineData(0x8000000000000000)] [InlineData(0xfffffffffffffffb)] [InlineData(6148914691236517205)] [InlineData(1L << 40)]
    public void Hash_WithBuckets_HasNoDivision(ulong buckets)
    {
        var version = Specialize("hash", new EntryBinding(Register.RDX, buckets, 64));
        AssertNoDivision(version);
        var (original, full, guarded) = Entries(version, "hash");
        for (var n = 0; n < 200; n++)
        {
            var input = Bytes(random.Next(40));
            fixed (byte* p = input)
            {
                var expected = ((delegate* unmanaged<byte*, long, ulong, ulong>)original)(p, input.Length, buckets);
                Assert.Equal(expected, ((delegate* unmanaged<byte*, long, ulong, ulong>)full)(p, input.Length, buckets));
                Assert.Equal(expected, ((delegate* unmanaged<byte*, long, ulong, ulong>)guarded)(p, input.Length, buckets));
            }
        }
    }

    [Theory]
    [InlineData(1)] [InlineData(2)] [InlineData(-2)] [InlineData(3)] [InlineData(-3)] [InlineData(10)] [InlineData(4096)] [InlineData(-4096)]
    [InlineData(641)] [InlineData(int.MaxValue)] [InlineData(-int.MaxValue)] [InlineData(1 << 30)]
    public void SignedQuotients_AreExact(int divisor)
    {
        var version = Specialize("quotients", new EntryBinding(Register.RDX, (uint)divisor, 32));
        var (original, full, _) = Entries(version, "quotients");
        int[] values = [0, 1, -1, 2, -2, int.MaxValue, int.MinValue, int.MinValue + 1, divisor, divisor - 1, -divisor, divisor + 1, .. Enumerable.Range(0, 300).Select(_ => random.Next(int.MinValue, int.MaxValue))];
        fixed (int* p = values)
        {
            for (var i = 0; i < values.Length; i++)
            {
                Assert.Equal(((delegate* unmanaged<int*, long, int, long>)original)(p + i, 1, divisor), ((delegate* unmanaged<int*, long, int, long>)full)(p + i, 1, divisor));
            }
        }
        AssertNoDivision(version);
    }

    [Theory]
    [InlineData(1)] [InlineData(-2)] [InlineData(3)] [InlineData(-7)] [InlineData(10)] [InlineData(1 << 20)] [InlineData(1000000007)]
    [InlineData(long.MaxValue)] [InlineData(0x100000001)] [InlineData(-0x123456789abcdef)]
    public void WideQuotients_AreExact(long divisor)
    {
        var version = Specialize("wide", new EntryBinding(Register.RDX, (ulong)divisor, 64));
        var (original, full, _) = Entries(version, "wide");
        long[] values = [0, 1, -1, long.MaxValue, long.MinValue, long.MinValue + 1, divisor, divisor - 1, -divisor, divisor + 1, .. Enumerable.Range(0, 300).Select(_ => random.NextInt64() * (random.Next(2) * 2 - 1))];
        fixed (long* p = values)
        {
            for (var i = 0; i < values.Length; i++)
            {
                Assert.Equal(((delegate* unmanaged<long*, long, long, long>)original)(p + i, 1, divisor), ((delegate* unmanaged<long*, long, long, long>)full)(p + i, 1, divisor));
            }
        }
    }

    [Theory]
    [InlineData(10u, 0)] [InlineData(16u, 1)] [InlineData(7u, 1)] [InlineData(36u, 0)] [InlineData(2u, 0)]
    public void Formatter_WithBase_WritesTheSameText(uint number, int upper)
    {
        var version = Specialize("format", new(Register.RDX, number, 32), new(Register.RCX, (ulong)upper, 32));
        var (original, full, _) = Entries(version, "format");
        var (expected, actual) = (new byte[80], new byte[80]);
        fixed (byte* e = expected, a = actual)
        {
            for (var n = 0; n < 300; n++)
            {
                var value = (ulong)random.NextInt64() >> random.Next(64);
                Assert.Equal(
                    ((delegate* unmanaged<byte*, ulong, uint, int, int>)original)(e, value, number, upper),
                    ((delegate* unmanaged<byte*, ulong, uint, int, int>)full)(a, value, number, upper));
                Assert.Equal(expected, actual);
            }
        }
    }

    [Theory]
    [InlineData(4)] [InlineData(1)] [InlineData(0)]
    public void Matrix_WithSize_IsTheSame(int size)
    {
        var version = Specialize("multiply", new EntryBinding(Register.RCX, (ulong)size, 32));
        var (original, full, _) = Entries(version, "multiply");
        float[] left = [.. Enumerable.Range(0, 16).Select(_ => random.NextSingle())], right = [.. Enumerable.Range(0, 16).Select(_ => random.NextSingle())];
        var (expected, actual) = (new float[16], new float[16]);
        fixed (float* l = left, r = right, e = expected, a = actual)
        {
            ((delegate* unmanaged<float*, float*, float*, int, void>)original)(e, l, r, size);
            ((delegate* unmanaged<float*, float*, float*, int, void>)full)(a, l, r, size);
        }
        Assert.Equal(expected, actual);
    }

    [Theory]
    [InlineData(1, 1)] [InlineData(2, 6)] [InlineData(4, 4)] [InlineData(8, 24)] [InlineData(5, 16)]
    public void StridedCopy_WithWidthAndStride_WritesTheSame(int width, long stride)
    {
        var version = Specialize("copy", new(Register.RCX, (ulong)stride, 64), new(Register.R8, (ulong)width, 32));
        AssertNoTable(version);
        var (original, full, _) = Entries(version, "copy");
        var (input, expected, actual) = (Bytes(2048), new byte[512], new byte[512]);
        fixed (byte* i = input, e = expected, a = actual)
        {
            ((delegate* unmanaged<byte*, byte*, long, long, int, void>)original)(e, i, 50, stride, width);
            ((delegate* unmanaged<byte*, byte*, long, long, int, void>)full)(a, i, 50, stride, width);
        }
        Assert.Equal(expected, actual);
    }

    [Theory]
    [InlineData(0, 0x3u)] [InlineData(2, 0x2u)] [InlineData(3, 0xffu)]
    public void Automaton_WithStartAndMask_EndsInTheSameState(int start, uint mask)
    {
        var outcome = TrySpecialize("automaton", new(Register.RDX, (ulong)start, 32), new(Register.RCX, mask, 32));
        if (!outcome.Try(out var version, out var why))
        {
            Assert.Equal(Reasons.NothingToGain, why.Reason);
            return;
        }
        var (original, full, _) = Entries(version, "automaton");
        for (var n = 0; n < 50; n++)
        {
            var input = Bytes(random.Next(64));
            fixed (byte* p = input)
            {
                Assert.Equal(((delegate* unmanaged<byte*, long, int, uint, int>)original)(p, input.Length, start, mask),
                    ((delegate* unmanaged<byte*, long, int, uint, int>)full)(p, input.Length, start, mask));
            }
        }
    }

    [Theory]
    [InlineData(0)] [InlineData(1)] [InlineData(2)]
    public void Interpreter_WithTrace_KeepsItsTableAndIsRight(int trace)
    {
        var version = Specialize("interpret", new EntryBinding(Register.RCX, (ulong)trace, 32));
        var (original, full, guarded) = Entries(version, "interpret");
        for (var n = 0; n < 100; n++)
        {
            var input = Bytes(random.Next(100));
            var x = random.NextInt64();
            fixed (byte* p = input)
            {
                var expected = ((delegate* unmanaged<byte*, long, long, int, long>)original)(p, input.Length, x, trace);
                Assert.Equal(expected, ((delegate* unmanaged<byte*, long, long, int, long>)full)(p, input.Length, x, trace));
                Assert.Equal(expected, ((delegate* unmanaged<byte*, long, long, int, long>)guarded)(p, input.Length, x, trace));
            }
        }
    }

    [Fact]
    public void Binding_OfARegisterThatIsNoArgument_IsRefused() =>
        Assert.Equal(Reasons.BindingNotAnArgument, TrySpecialize("select", new EntryBinding(Register.R9, 1, 64)).Refusal.Reason);

    [Fact]
    public void Binding_ThatNothingDependsOn_IsRefused() =>
        Assert.Equal(Reasons.NothingToGain, TrySpecialize("scale", new EntryBinding(Register.RDI, 0x1234567, 64)).Refusal.Reason);

    [Fact]
    public void RegisterThatIsRestored_OrThatCallersRead_IsAliveAtTheReturn()
    {
        var graph = sample.Parse("keeps_and_returns");
        bool Writes(Register register, LiveSet results) => VersionBuilder.Specialize(
                graph, sample, graph.Entry.Start, [new(Register.RCX, 10, 64)], new GuardTargets(graph.Entry.Start, sample.CounterAddress), withFullEntry: false, results)
            .Value.Body.Order.Where(b => b.End is Terminator.Return).All(b => b.Instructions.TakeLast(2).Any(i => i.Op0Register == register));
        Assert.True(Writes(Register.R10, default));
        Assert.True(Writes(Register.R9, LiveSet.Of(Register.R9)));
        Assert.False(Writes(Register.R9, default));
    }

    [Fact]
    public void CallThatPassesConstants_IsProved_AndOneThatDoesNotIsNot()
    {
        var constant = sample.Parse("calls_with_constant");
        var known = CallSiteConstants.At(constant, sample, constant.Calls.Single());
        Assert.Contains(new EntryBinding(Register.RDX, 1, 64), known);
        Assert.Contains(new EntryBinding(Register.RSI, 16, 64), known);
        Assert.DoesNotContain(known, b => b.Argument == Register.RDI);
        var variable = sample.Parse("calls_with_variable");
        Assert.DoesNotContain(CallSiteConstants.At(variable, sample, variable.Calls.Single()), b => b.Argument == Register.RSI);
    }

    [Fact]
    public void CallBehindATableThatIsNotTheCopysOwn_IsKnownByAllWaysToIt()
    {
        var caller = sample.Parse("calls_after_tables");
        Assert.All(caller.Blocks.Where(b => b.Table is not null), b => Assert.Null(b.Table!.BaseInstruction));
        var known = CallSiteConstants.At(caller, sample, caller.Calls.Single());
        Assert.Contains(new EntryBinding(Register.RDX, 1, 64), known);
        Assert.DoesNotContain(known, b => b.Argument == Register.RSI);
    }

    [Fact]
    public void CallOfAFunctionThatHandlesExceptions_IsNotProved()
    {
        var caller = sample.Parse("calls_with_constant");
        var handling = new FunctionGraph(caller.Function with { HasLandingPads = true }, caller.Blocks);
        Assert.Empty(CallSiteConstants.At(handling, sample, caller.Calls.Single()));
    }

    [Fact]
    public void OutlineOfAFunctionThatWasNotSeenToRun_IsRefused()
    {
        var graph = sample.Parse("calls_after_tables");
        var refused = VersionBuilder.Outline(graph, graph.Entry.Start, graph.Blocks.ToDictionary(b => b.Start, _ => 0L));
        Assert.Equal(Reasons.NothingToGain, refused.Refusal.Reason);
    }

    private FunctionVersion Specialize(string name, params EntryBinding[] bindings)
    {
        var version = TrySpecialize(name, bindings).Value;
        output.WriteLine($"{name} {string.Join(", ", bindings)}: {version.Statistics.Before} -> {version.Statistics.After}");
        foreach (var report in version.Passes) output.WriteLine($"  {report}{string.Concat(report.Skips.Select(s => $" [{s.Reason} at {s.At}]"))}");
        foreach (var block in version.Body.Order)
        {
            output.WriteLine($"{block}:");
            foreach (var instruction in block.Instructions) output.WriteLine($"    {instruction}");
            output.WriteLine($"    {block.End.GetType().Name} {string.Join(", ", FunctionBody.SuccessorsOf(block.End))}");
        }
        return version;
    }

    private Outcome<FunctionVersion> TrySpecialize(string name, params EntryBinding[] bindings)
    {
        var graph = sample.Parse(name);
        var site = graph.Entry.Start;
        return VersionBuilder.Specialize(graph, sample, site, bindings, new GuardTargets(site, sample.CounterAddress), withFullEntry: true);
    }

    private (nint Original, nint Full, nint Guarded) Entries(FunctionVersion version, string name)
    {
        var entries = sample.Install(version.Body);
        return ((nint)sample.Parse(name).Entry.Start.Value, (nint)entries[1].Value, (nint)entries[0].Value);
    }

    private static void AssertNoTable(FunctionVersion version) => Assert.DoesNotContain(version.Body.Order, b => b.End is Terminator.Table);

    private static void AssertNoDivision(FunctionVersion version) =>
        Assert.DoesNotContain(version.Body.Order.SelectMany(b => b.Instructions), i => i.Mnemonic is Mnemonic.Div or Mnemonic.Idiv);

    private static long Filter(nint code, byte* p, long n, uint mode, uint divisor) =>
        ((delegate* unmanaged<byte*, long, uint, uint, long>)code)(p, n, mode, divisor);

    private byte[] Bytes(int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }
}
