using Iced.Intel;

namespace KernOpt.Optimize.Facts;

/// <summary>
/// What is known of the general registers and the flags at one place in the code. A register may also be known to be at a fixed distance from what rsp was
/// at the entry. Mutable: a transfer changes it in place; <see cref="Copy"/> before keeping it.
/// </summary>
internal sealed class MachineFacts
{
    /// <summary>The flags that are followed; the rest of rflags is never changed by code that is accepted.</summary>
    public const RflagsBits AllFlags = RflagsBits.OF | RflagsBits.SF | RflagsBits.ZF | RflagsBits.AF | RflagsBits.CF | RflagsBits.PF | RflagsBits.DF;

    /// <summary>The arithmetic flags.</summary>
    public const RflagsBits StatusFlags = AllFlags & ~RflagsBits.DF;

    private readonly KnownBits[] registers = new KnownBits[16];
    private readonly long?[] distances = new long?[16];

    public RflagsBits KnownFlags { get; private set; }
    public RflagsBits FlagValues { get; private set; }

    public static MachineFacts Nothing() => new();

    /// <summary>At a function's entry: rsp is at distance 0, nothing else is known.</summary>
    public static MachineFacts AtEntry()
    {
        var facts = new MachineFacts();
        facts.SetDistance(Register.RSP, 0);
        return facts;
    }

    public MachineFacts Copy()
    {
        var copy = new MachineFacts { KnownFlags = KnownFlags, FlagValues = FlagValues };
        registers.CopyTo(copy.registers, 0);
        distances.CopyTo(copy.distances, 0);
        return copy;
    }

    /// <summary>Keeps only what holds in both. Answers whether anything was lost.</summary>
    public bool JoinWith(MachineFacts other)
    {
        var lost = false;
        for (var i = 0; i < registers.Length; i++)
        {
            var joined = KnownBits.Join(registers[i], other.registers[i]);
            lost |= joined != registers[i];
            registers[i] = joined;
            if (distances[i] is { } d && other.distances[i] != d)
            {
                distances[i] = null;
                lost = true;
            }
        }
        var known = KnownFlags & other.KnownFlags & ~(FlagValues ^ other.FlagValues);
        lost |= known != KnownFlags;
        KnownFlags = known;
        FlagValues &= known;
        return lost;
    }

    /// <summary>Adds what the other knows.</summary>
    public void Learn(MachineFacts other)
    {
        for (var i = 0; i < registers.Length; i++)
        {
            registers[i] = KnownBits.Both(registers[i], other.registers[i]);
            distances[i] ??= other.distances[i];
        }
        FlagValues |= other.FlagValues & ~KnownFlags;
        KnownFlags |= other.KnownFlags;
    }

    /// <summary>The value of a general register of any width, zero-extended; unknown for other registers.</summary>
    public KnownBits this[Register register] => register.IsGPR() ? Read(register) : KnownBits.Unknown;

    private KnownBits Read(Register register)
    {
        var whole = registers[IndexOf(register)];
        return IsHighByte(register) ? whole.ShiftRight(8).Trim(8) : whole.Trim(WidthOf(register));
    }

    /// <summary>
    /// Writes a general register with the rules of 64-bit mode: 32-bit writes zero the upper half; 8- and 16-bit writes keep the rest (SDM vol. 1, 3.4.1.1).
    /// </summary>
    public void Write(Register register, KnownBits value)
    {
        var index = IndexOf(register);
        distances[index] = null;
        var width = WidthOf(register);
        if (width >= 32)
        {
            registers[index] = value.Trim(width);
            return;
        }
        var shift = IsHighByte(register) ? 8 : 0;
        var hole = ~(KnownBits.Ones(width) << shift);
        var part = value.Trim(width);
        var old = registers[index];
        registers[index] = new(
            (old.Mask & hole) | ((part.Mask & KnownBits.Ones(width)) << shift),
            (old.Value & hole) | (part.Value << shift));
    }

    /// <summary>Forgets a register, or only the part that is named when that is a byte or a word.</summary>
    public void Forget(Register register) => Write(WidthOf(register) == 32 ? register.GetFullRegister() : register, KnownBits.Unknown);

    public long? Distance(Register register) => WidthOf(register) == 64 && register.IsGPR64() ? distances[IndexOf(register)] : null;

    public void SetDistance(Register register, long? distance) => distances[IndexOf(register)] = distance;

    public bool? Flag(RflagsBits flag) => (KnownFlags & flag) == 0 ? null : (FlagValues & flag) != 0;

    public void SetFlag(RflagsBits flag, bool? value)
    {
        KnownFlags = value is null ? KnownFlags & ~flag : KnownFlags | flag;
        FlagValues = value == true ? FlagValues | flag : FlagValues & ~flag;
    }

    public void ForgetFlags(RflagsBits flags)
    {
        KnownFlags &= ~flags;
        FlagValues &= ~flags;
    }

    public static bool IsHighByte(Register register) => register is Register.AH or Register.BH or Register.CH or Register.DH;

    public static int WidthOf(Register register) => register.GetSize() * 8;

    private static int IndexOf(Register register) => register.GetFullRegister() - Register.RAX;
}
