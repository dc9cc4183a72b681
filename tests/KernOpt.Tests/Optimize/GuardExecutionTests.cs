using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Optimize.Guards;
using KernOpt.Optimize.Versions;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Optimize;

/// <summary>Versions entered behind a prefix, run on this processor against their originals: guards that keep flags, compare copies, and need a register.</summary>
public sealed unsafe class GuardExecutionTests(NativeSample sample) : IClassFixture<NativeSample>
{
    private const ulong Wide = 0x123456789abcdef1;
    private readonly Random random = new(41);

    /// <summary>Function, bound argument, value and width.</summary>
    public static TheoryData<string, Register, ulong, int> Guards() => new()
    {
        { "repeats_comparison", Register.RCX, Wide, 64 },
        { "repeats_comparison", Register.RCX, 10, 64 },
        { "keeps_sum_flags", Register.RCX, Wide, 64 },
        { "keeps_sum_flags", Register.RCX, 7, 64 },
        { "moves_argument", Register.RCX, Wide, 64 },
        { "moves_argument", Register.RCX, 641, 64 },
        { "uses_argument_before", Register.RDI, Wide, 64 },
    };

    [Theory, MemberData(nameof(Guards))]
    public void GuardBehindAPrefix_KeepsFlagsAndRegisters_OnBothWays(string name, Register argument, ulong value, int bits)
    {
        var (graph, site) = SiteOf(name);
        sample.Counter = 0;
        var version = VersionBuilder.Specialize(graph, sample, site, [new EntryBinding(argument, value, bits)], new GuardTargets(site, sample.CounterAddress), withFullEntry: true).Value;
        var entries = sample.Install(version.Body);
        var (calls, misses) = Compare(graph, Enter(graph, site, entries[0]), argument, value);
        Assert.Null(misses.Difference);
        Assert.Equal((ulong)misses.Expected, sample.Counter);
        Assert.InRange(misses.Expected, 1, calls - 1);
        Assert.Null(CompareBound(graph, (nint)entries[1].Value, argument, value));
    }

    [Theory, MemberData(nameof(Guards))]
    public void GuardThatWasSpoiled_IsCaught(string name, Register argument, ulong value, int bits)
    {
        var (graph, site) = SiteOf(name);
        FunctionVersion Fresh() => VersionBuilder.Specialize(graph, sample, site, [new EntryBinding(argument, value, bits)], new GuardTargets(site, sample.CounterAddress), withFullEntry: true).Value;
        var inverted = Fresh();
        var guard = GuardOf(inverted);
        guard.End = ((Terminator.Branch)guard.End) with { Condition = ConditionCode.e };
        Assert.NotNull(Compare(graph, Enter(graph, site, sample.Install(inverted.Body)[0]), argument, value).Misses.Difference);
        var open = Fresh();
        guard = GuardOf(open);
        guard.End = new Terminator.Goto(((Terminator.Branch)guard.End).Else);
        open.Body.Rebuild();
        Assert.NotNull(Compare(graph, Enter(graph, site, sample.Install(open.Body)[0]), argument, value).Misses.Difference);
    }

    [Theory]
    [InlineData("repeats_comparison")] [InlineData("keeps_sum_flags")]
    public void GuardThatLosesTheFlags_IsCaught(string name)
    {
        var (graph, site) = SiteOf(name);
        var version = VersionBuilder.Specialize(graph, sample, site, [new EntryBinding(Register.RCX, 10, 64)], new GuardTargets(site, sample.CounterAddress), withFullEntry: true).Value;
        var miss = version.Body.Order.Single(b => b.End is Terminator.Exit exit && exit.To == site);
        // Leaves no carry.
        miss.Instructions.Add(Instruction.Create(Iced.Intel.Code.Cmp_r64_rm64, Register.RSP, Register.RSP));
        Assert.NotNull(Compare(graph, Enter(graph, site, sample.Install(version.Body)[0]), Register.RCX, 10).Misses.Difference);
    }

    [Fact]
    public void IdentityVersion_FromTheStartOrTheSite_DoesWhatTheOriginalDoes()
    {
        foreach (var name in new[] { "repeats_comparison", "keeps_sum_flags", "moves_argument", "uses_argument_before" })
        {
            var (graph, site) = SiteOf(name);
            foreach (var at in new[] { graph.Entry.Start, site })
            {
                var same = VersionBuilder.Identity(graph, at).Value;
                Assert.Null(Compare(graph, Enter(graph, at, sample.Install(same.Body)[0]), Register.RCX, 10).Misses.Difference);
            }
        }
    }

    [Fact]
    public void OutlinedVersion_DoesWhatTheOriginalDoes()
    {
        var graph = sample.Parse("filter");
        var made = 0;
        for (var layout = 0; layout < 40; layout++)
        {
            var counts = graph.Blocks.ToDictionary(b => b.Start, b => (long)random.Next(2) * random.Next(1, 100_000));
            counts[graph.Entry.Start] = 1_000;
            if (!VersionBuilder.Outline(graph, graph.Entry.Start, counts).Try(out var version, out var why))
            {
                Assert.Equal(Reasons.NothingToGain, why.Reason);
                continue;
            }
            made++;
            FiltersAlike((nint)graph.Entry.Start.Value, (nint)sample.Install(version.Body)[0].Value);
        }
        Assert.True(made > 0, "no counts made a version");
    }

    private void FiltersAlike(nint original, nint version)
    {
        for (var n = 0; n < 30; n++)
        {
            var input = new byte[random.Next(64)];
            random.NextBytes(input);
            var (mode, divisor) = ((uint)random.Next(9), (uint)random.Next(1, 50));
            fixed (byte* p = input)
            {
                Assert.Equal(((delegate* unmanaged<byte*, long, uint, uint, long>)original)(p, input.Length, mode, divisor), ((delegate* unmanaged<byte*, long, uint, uint, long>)version)(p, input.Length, mode, divisor));
            }
        }
    }

    /// <summary>The site is the one instruction that loads 5.</summary>
    private (FunctionGraph Graph, Address Site) SiteOf(string name)
    {
        var graph = sample.Parse(name);
        return (graph, new Address(graph.Entry.Instructions.Single(i => i.Mnemonic == Mnemonic.Mov && i.Op1Kind == OpKind.Immediate32 && i.Immediate32 == 5).IP));
    }

    private static BodyBlock GuardOf(FunctionVersion version) => version.Body.Order.First(b => b.End is Terminator.Branch);

    /// <summary>The function's prefix and then a jump to the version's entry: what a thread runs that comes in by the site.</summary>
    private nint Enter(FunctionGraph graph, Address site, Address entry) =>
        (nint)sample.Place(graph.Entry.Instructions.TakeWhile(i => i.IP != site.Value).Append(Instruction.CreateBranch(Iced.Intel.Code.Jmp_rel32_64, entry.Value))).Value;

    private (int Calls, (int Expected, string? Difference) Misses) Compare(FunctionGraph graph, nint code, Register argument, ulong value)
    {
        var misses = 0;
        string? difference = null;
        for (var n = 0; n < 400; n++)
        {
            var a = Arguments();
            var index = Index(argument);
            a[index] = random.Next(4) switch { 0 => value + 1, 1 => value ^ (1UL << 63), _ => value };
            if (a[index] != value) misses++;
            difference ??= Differs(graph, code, a);
        }
        return (400, (misses, difference));
    }

    private string? CompareBound(FunctionGraph graph, nint code, Register argument, ulong value)
    {
        string? difference = null;
        for (var n = 0; n < 200; n++)
        {
            var a = Arguments();
            a[Index(argument)] = value;
            difference ??= Differs(graph, code, a);
        }
        return difference;
    }

    private static string? Differs(FunctionGraph graph, nint code, ulong[] a)
    {
        var expected = Call((nint)graph.Entry.Start.Value, a);
        var actual = Call(code, a);
        return expected == actual ? null : $"({string.Join(", ", a.Select(v => $"0x{v:x}"))}): 0x{expected:x} and 0x{actual:x}";
    }

    private ulong[] Arguments() => [Number(), Number(), Number(), Number() | 1];

    private ulong Number() => random.Next(3) switch { 0 => (ulong)random.Next(4), 1 => ulong.MaxValue - (ulong)random.Next(4), _ => (ulong)random.NextInt64() };

    private static int Index(Register argument) => argument switch { Register.RDI => 0, Register.RSI => 1, Register.RDX => 2, _ => 3 };

    private static ulong Call(nint code, ulong[] a) => ((delegate* unmanaged<ulong, ulong, ulong, ulong, ulong>)code)(a[0], a[1], a[2], a[3]);
}
