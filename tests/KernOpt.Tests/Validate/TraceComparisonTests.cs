using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Linux.Native;
using KernOpt.Target;
using KernOpt.Validate;
using KernOpt.Validate.Comparing;
using KernOpt.Validate.Running;
using KernOpt.Validate.Sandboxing;
using Xunit;

namespace KernOpt.Tests.Validate;

/// <summary>What counts as a difference and what does not, on traces made by hand.</summary>
public sealed class TraceComparisonTests
{
    private static readonly SandboxLayout Layout = SandboxLayout.AwayFrom([]);

    /// <summary>call +0; ret: the call returns to 0x400005, in the copy to 0x500005.</summary>
    private static readonly byte[] Calls = [0xe8, 0, 0, 0, 0, 0xc3];
    private static readonly ValidationRequest Request = ByteRequest.Of(Calls, Calls, (0x40_0000, 0x50_0000), (0x40_0005, 0x50_0005));
    private static readonly ulong Page = Layout.EntryStackPointer & ~0xfffUL;

    [Fact]
    public void Equal_states_are_equal() => Assert.Null(Compare(Request, At(ObservationKind.Returned), At(ObservationKind.Returned)));

    [Fact]
    public void The_return_address_of_the_copied_call_is_its_counterpart()
        => Assert.Null(Compare(Request, Called(0x40_0005), Called(0x50_0005)));

    [Fact]
    public void Another_return_address_is_a_difference()
        => Assert.Contains("0x400005", Compare(Request, Called(0x40_0005), Called(0x50_0004 + 0x1000)));

    [Fact]
    public void A_counterpart_outside_the_stack_is_a_difference()
        => Assert.NotNull(Compare(Request, Wrote(Layout.Scratch, 0, 0x40_0005), Wrote(Layout.Scratch, 0, 0x50_0005)));

    [Fact]
    public void The_dead_stack_is_not_compared()
    {
        var below = (int)(Layout.EntryStackPointer - Page) - 8;
        Assert.Null(Compare(Request, Wrote(Page, below, 1), Wrote(Page, below, 2)));
        Assert.NotNull(Compare(Request, Wrote(Page, below + 8, 1), Wrote(Page, below + 8, 2)));
    }

    [Fact]
    public void Memory_of_ours_is_not_compared()
    {
        var ours = Request with { NotCompared = [new AddressRange(new Address(Layout.Scratch + 16), 8)] };
        Assert.Null(Compare(ours, Wrote(Layout.Scratch, 16, 1), Wrote(Layout.Scratch, 16, 2)));
        Assert.NotNull(Compare(ours, Wrote(Layout.Scratch, 24, 1), Wrote(Layout.Scratch, 24, 2)));
    }

    [Fact]
    public void A_page_that_only_one_has_changed_is_a_difference()
        => Assert.Contains("0x0 in the original and 0x7", Compare(Request, At(ObservationKind.Returned), Wrote(Layout.Scratch, 64, 7)));

    [Fact]
    public void Status_flags_are_dead_at_a_return_and_the_direction_flag_is_not()
    {
        Assert.Null(Compare(Request, At(ObservationKind.Returned) with { Registers = Registers(flags: 0x202) }, At(ObservationKind.Returned) with { Registers = Registers(flags: 0x2d7) }));
        Assert.NotNull(Compare(Request, At(ObservationKind.Returned) with { Registers = Registers(flags: 0x202) }, At(ObservationKind.Returned) with { Registers = Registers(flags: 0x602) }));
    }

    /// <summary>mov esi, 1; ret: what it leaves in rsi is nobody's, unless the function is known to restore or to return it.</summary>
    [Fact]
    public void Registers_that_the_original_restores_or_returns_are_compared_at_a_return()
    {
        byte[] code = [0xbe, 1, 0, 0, 0, 0xc3];
        var ordinary = ByteRequest.Of(code, code);
        var keeping = ordinary with { Original = ordinary.Original with { AlsoAtReturn = LiveSet.Of(Register.RSI) } };
        var (one, other) = (At(ObservationKind.Returned), At(ObservationKind.Returned) with { Registers = Registers(0x202) with { Rsi = 7 } });
        Assert.Null(Compare(ordinary, one, other));
        Assert.Contains("rsi is 0x0", Compare(keeping, one, other));
    }

    [Fact]
    public void Faults_at_different_addresses_are_different()
        => Assert.NotNull(Compare(Request, At(ObservationKind.Faulted) with { Where = 8 }, At(ObservationKind.Faulted) with { Where = 16 }));

    [Fact]
    public void A_call_too_few_is_a_difference()
    {
        var comparison = Comparison(Request);
        var two = new RunTrace();
        two.Add(At(ObservationKind.Left));
        two.Add(At(ObservationKind.Returned));
        var one = new RunTrace();
        one.Add(At(ObservationKind.Returned));
        Assert.NotNull(comparison.Differ(two, one));
        Assert.NotNull(comparison.Differ(one, two));
    }

    private static Observation Called(ulong returnTo) => Wrote(Page, (int)(Layout.EntryStackPointer - Page), returnTo) with { Kind = ObservationKind.Left };

    private static Observation Wrote(ulong page, int offset, ulong value)
    {
        var content = new byte[4096];
        BitConverter.TryWriteBytes(content.AsSpan(offset), value);
        return At(ObservationKind.Returned) with { Memory = new Dictionary<ulong, byte[]> { [page] = content } };
    }

    private static Observation At(ObservationKind kind) => new(kind, 0, 0, Registers(0x202), null, new Dictionary<ulong, byte[]>());

    private static Registers Registers(ulong flags) => new() { Rsp = Layout.EntryStackPointer, Flags = flags };

    private static TraceComparison Comparison(ValidationRequest request) => new(request, Layout, CodeFacts.Of(request).Value, _ => new byte[4096]);

    private static string? Compare(ValidationRequest request, Observation original, Observation version)
    {
        var (a, b) = (new RunTrace(), new RunTrace());
        a.Add(original);
        b.Add(version);
        return Comparison(request).Differ(a, b);
    }
}
