using Iced.Intel;
using KernOpt.Optimize.Facts;
using Xunit;

namespace KernOpt.Tests.Optimize;

/// <summary>Every bit and flag that a transfer rule claims to know is what this processor computes.</summary>
public sealed class TransferSoundnessTests
{
    private static readonly Register[] Registers =
        [.. Enumerable.Range(0, 16).Where(i => i != 4).Select(i => Register.RAX + i)];

    [Fact]
    public void KnownBits_OfRandomCode_AreWhatTheProcessorComputes()
    {
        var transfer = new Transfer(null, new HashSet<ulong>());
        Assert.Null(FindViolation((i, facts) => transfer.Apply(i, facts), seed: 1, sequences: 6000));
    }

    /// <summary>The check above can fail: each of these wrong rules is caught.</summary>
    [Theory]
    [InlineData("the upper half survives a 32-bit write")]
    [InlineData("cmp inverts CF")]
    [InlineData("inc writes CF")]
    [InlineData("a shift by a count of zero clears OF")]
    public void WrongTransferRule_IsCaught(string bug)
    {
        var transfer = new Transfer(null, new HashSet<ulong>());
        var found = FindViolation((i, facts) =>
        {
            var before = facts.Copy();
            transfer.Apply(i, facts);
            Plant(bug, i, before, facts);
        }, seed: 1, sequences: 6000);
        Assert.NotNull(found);
    }

    private static void Plant(string bug, in Instruction i, MachineFacts before, MachineFacts facts)
    {
        switch (bug)
        {
            case "the upper half survives a 32-bit write" when i.Mnemonic == Mnemonic.Add && i.Op0Register.IsGPR32():
                var whole = i.Op0Register.GetFullRegister();
                facts.Write(whole, (before[whole] & KnownBits.Of(0xffffffff00000000)) | facts[i.Op0Register]);
                break;
            case "cmp inverts CF" when i.Mnemonic == Mnemonic.Cmp:
                facts.SetFlag(RflagsBits.CF, !facts.Flag(RflagsBits.CF));
                break;
            case "inc writes CF" when i.Mnemonic == Mnemonic.Inc:
                facts.SetFlag(RflagsBits.CF, false);
                break;
            case "a shift by a count of zero clears OF" when i.Mnemonic == Mnemonic.Shl && i.Op1Kind == OpKind.Register:
                facts.SetFlag(RflagsBits.OF, false);
                break;
        }
    }

    /// <summary>Knowing nothing would be sound too: with all inputs known, nearly all outputs of deterministic instructions are.</summary>
    [Fact]
    public void KnownInputs_GiveKnownOutputs()
    {
        var random = new Random(7);
        var transfer = new Transfer(null, new HashSet<ulong>());
        var (known, all) = (0, 0);
        for (var n = 0; n < 2000; n++)
        {
            var (facts, _) = RandomState(random, knownShare: 1);
            foreach (var instruction in new RandomInstructions(random).Sequence(1)) transfer.Apply(instruction, facts);
            known += Registers.Count(r => facts[r].IsConstant);
            all += Registers.Length;
        }
        Assert.True(known > all * 0.99, $"{known} of {all}");
    }

    private static string? FindViolation(Action<Instruction, MachineFacts> apply, int seed, int sequences)
    {
        var random = new Random(seed);
        using var native = new NativeRun();
        for (var n = 0; n < sequences; n++)
        {
            var code = new RandomInstructions(random).Sequence(random.Next(1, 12));
            native.Load(code);
            var (facts, concrete) = RandomState(random, random.Next(4) / 3.0);
            var start = facts.Copy();
            foreach (var instruction in code) apply(instruction, facts);
            for (var variant = 0; variant < 4; variant++)
            {
                Vary(random, start, concrete);
                if (Contradiction(facts, native.Run(concrete)) is { } what)
                    return $"{what} in\n{string.Join("\n", code.Select(i => i.ToString()))}\nfrom\n{Describe(start, concrete)}";
            }
        }
        return null;
    }

    private static string? Contradiction(MachineFacts claimed, NativeState actual)
    {
        foreach (var register in Registers)
        {
            var bits = claimed[register];
            if ((actual[register] & bits.Mask) != bits.Value) return $"{register} is {actual[register]:x}, claimed {bits}";
        }
        foreach (var (flag, bit) in FlagBits)
        {
            if (claimed.Flag(flag) is { } value && value != ((actual.Flags >> bit & 1) != 0)) return $"{flag} is {!value}, claimed {value}";
        }
        return null;
    }

    private static readonly (RflagsBits Flag, int Bit)[] FlagBits =
        [(RflagsBits.CF, 0), (RflagsBits.PF, 2), (RflagsBits.AF, 4), (RflagsBits.ZF, 6), (RflagsBits.SF, 7), (RflagsBits.OF, 11)];

    private static (MachineFacts, NativeState) RandomState(Random random, double knownShare)
    {
        var (facts, concrete) = (MachineFacts.Nothing(), new NativeState { Flags = 0x202 });
        foreach (var register in Registers)
        {
            concrete[register] = RandomValue(random);
            var mask = random.NextDouble() < knownShare ? ulong.MaxValue : random.Next(3) == 0 ? (ulong)random.NextInt64() | ((ulong)random.NextInt64() << 32) : 0;
            facts.Write(register, new KnownBits(mask, concrete[register] & mask));
        }
        foreach (var (flag, bit) in FlagBits)
        {
            if (random.NextDouble() >= knownShare) continue;
            var value = random.Next(2) == 0;
            if (value) concrete.Flags |= 1UL << bit;
            facts.SetFlag(flag, value);
        }
        return (facts, concrete);
    }

    /// <summary>Another state of which the same facts hold.</summary>
    private static void Vary(Random random, MachineFacts facts, NativeState concrete)
    {
        foreach (var register in Registers)
        {
            var bits = facts[register];
            concrete[register] = (RandomValue(random) & ~bits.Mask) | bits.Value;
        }
        foreach (var (flag, bit) in FlagBits)
        {
            var value = facts.Flag(flag) ?? random.Next(2) == 0;
            concrete.Flags = value ? concrete.Flags | 1UL << bit : concrete.Flags & ~(1UL << bit);
        }
    }

    private static ulong RandomValue(Random random) => random.Next(6) switch
    {
        0 => (ulong)random.Next(64),
        1 => ulong.MaxValue - (ulong)random.Next(16),
        2 => 1UL << random.Next(64),
        3 => (1UL << random.Next(64)) - 1,
        4 => (uint)random.Next(),
        _ => (ulong)random.NextInt64() ^ ((ulong)random.Next() << 40),
    };

    private static string Describe(MachineFacts facts, NativeState state) =>
        string.Join("\n", Registers.Select(r => $"{r} = {state[r]:x} known {facts[r]}")) + $"\nflags {state.Flags:x} known {facts.KnownFlags}";
}
