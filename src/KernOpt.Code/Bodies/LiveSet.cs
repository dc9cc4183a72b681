using Iced.Intel;

namespace KernOpt.Code.Bodies;

/// <summary>The parts of a general register that instructions write independently of each other. Writing bits 0..31 also clears bits 32..63 (SDM vol. 1, 3.4.1.1).</summary>
[Flags]
public enum RegisterPart
{
    None = 0,
    Low8 = 1,
    High8 = 2,
    Bits16To31 = 4,
    Upper32 = 8,
    Low16 = Low8 | High8,
    Low32 = Low16 | Bits16To31,
    All = Low32 | Upper32,
}

/// <summary>
/// A set of machine state: four parts of each general register, the status flags, and for each vector register its low 128 bits and what lies above.
/// Mask registers, x87 with MMX, and everything else (segments, tiles, control registers) are one bit each.
/// </summary>
public readonly record struct LiveSet
{
    private const int X87Bit = 8;
    private const int RestBit = 9;

    private readonly ulong general;
    private readonly ulong vectors;
    private readonly ushort others;
    private readonly RflagsBits flags;

    private LiveSet(ulong general, ulong vectors, ushort others, RflagsBits flags)
    {
        this.general = general;
        this.vectors = vectors;
        this.others = others;
        this.flags = flags;
    }

    /// <summary>The status flags and DF: what code of a process can see change.</summary>
    public const RflagsBits AllFlags =
        RflagsBits.OF | RflagsBits.SF | RflagsBits.ZF | RflagsBits.AF | RflagsBits.CF | RflagsBits.PF | RflagsBits.DF | RflagsBits.AC;

    public static readonly LiveSet Empty;
    public static readonly LiveSet All = new(ulong.MaxValue, ulong.MaxValue, (1 << (RestBit + 1)) - 1, AllFlags);

    /// <summary>x87 and MMX registers, which share their storage.</summary>
    public static readonly LiveSet FloatingStack = new(0, 0, 1 << X87Bit, 0);

    /// <summary>Whatever has no bit of its own: segments, tiles, control registers.</summary>
    public static readonly LiveSet Rest = new(0, 0, 1 << RestBit, 0);

    public RflagsBits Flags => flags;
    public bool IsEmpty => this == Empty;

    public static LiveSet Of(RflagsBits flags) => new(0, 0, 0, flags & AllFlags);

    /// <summary>The register as far as its name reaches: ah is 8 bits, xmm0 the low 128.</summary>
    public static LiveSet Of(Register register)
    {
        if (register.IsGPR()) return Of(register, PartsOf(register));
        if (register.IsVectorRegister())
        {
            var number = register.GetNumber();
            var isWhole = register >= Register.YMM0;
            return new LiveSet(0, (1UL << number) | (isWhole ? 1UL << (number + 32) : 0), 0, 0);
        }
        if (register is >= Register.K0 and <= Register.K7) return new LiveSet(0, 0, (ushort)(1 << (register - Register.K0)), 0);
        if (register.IsST() || register.IsMM()) return new LiveSet(0, 0, 1 << X87Bit, 0);
        return register is Register.None or Register.RIP or Register.EIP ? Empty : new LiveSet(0, 0, 1 << RestBit, 0);
    }

    public static LiveSet Of(Register register, RegisterPart parts) => new((ulong)parts << (4 * register.GetFullRegister().GetNumber()), 0, 0, 0);

    public static LiveSet Of(params ReadOnlySpan<Register> registers)
    {
        var set = Empty;
        foreach (var register in registers) set |= Of(register);
        return set;
    }

    /// <summary>Which parts of a general register are in the set.</summary>
    public RegisterPart Parts(Register register) => (RegisterPart)((general >> (4 * register.GetFullRegister().GetNumber())) & 15);

    public static LiveSet operator |(LiveSet a, LiveSet b) =>
        new(a.general | b.general, a.vectors | b.vectors, (ushort)(a.others | b.others), a.flags | b.flags);

    public static LiveSet operator &(LiveSet a, LiveSet b) =>
        new(a.general & b.general, a.vectors & b.vectors, (ushort)(a.others & b.others), a.flags & b.flags);

    /// <summary>What is in a and not in b.</summary>
    public static LiveSet operator -(LiveSet a, LiveSet b) =>
        new(a.general & ~b.general, a.vectors & ~b.vectors, (ushort)(a.others & ~b.others), a.flags & ~b.flags);

    public static LiveSet BitwiseOr(LiveSet a, LiveSet b) => a | b;
    public static LiveSet BitwiseAnd(LiveSet a, LiveSet b) => a & b;
    public static LiveSet Subtract(LiveSet a, LiveSet b) => a - b;

    public bool Overlaps(LiveSet other) => !(this & other).IsEmpty;
    public bool Contains(LiveSet other) => (other - this).IsEmpty;

    public override string ToString()
    {
        var names = new List<string>();
        for (var register = Register.RAX; register <= Register.R15; register++)
        {
            var parts = Parts(register);
            if (parts != 0) names.Add(parts == RegisterPart.All ? $"{register}" : $"{register}.{parts}");
        }
        for (var number = 0; number < 32; number++)
        {
            if ((vectors >> number & 1) != 0) names.Add($"XMM{number}");
            if ((vectors >> (number + 32) & 1) != 0) names.Add($"XMM{number}.upper");
        }
        for (var bit = 0; bit <= RestBit; bit++)
        {
            if ((others >> bit & 1) != 0) names.Add(bit switch { X87Bit => "x87", RestBit => "rest", _ => $"K{bit}" });
        }
        if (flags != 0) names.Add($"[{flags}]");
        return string.Join(' ', names);
    }

    internal static RegisterPart PartsOf(Register register) => register switch
    {
        >= Register.AH and <= Register.BH => RegisterPart.High8,
        _ => register.GetSize() switch { 1 => RegisterPart.Low8, 2 => RegisterPart.Low16, 4 => RegisterPart.Low32, _ => RegisterPart.All },
    };
}
