using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Optimize.Facts;
using static Iced.Intel.Code;

namespace KernOpt.Optimize.Guards;

/// <summary>
/// How the status flags survive the guard's comparisons, where the code behind the site reads them. Before: what precedes the comparisons. After: what
/// follows them, on both ways.
/// <code>
///     dead flags        set by a comparison of unchanged registers       otherwise
///     (nothing)         (nothing)                                        lea rsp, [rsp-128]    ; below the red zone (psABI 3.2.2)
///                                                                        pushfq
///     cmp ebx, 16       cmp ebx, 16                                      cmp ebx, 16
///     jne miss          jne miss                                         jne miss
///                       test rsi, rsi        ; done again                popfq
///                                                                        lea rsp, [rsp+128]
/// </code>
/// </summary>
internal sealed record FlagsAcrossGuard(IReadOnlyList<Instruction> Before, IReadOnlyList<Instruction> After)
{
    private const int RedZone = 128;

    /// <param name="areLive">Whether a status flag is read behind the site before it is written.</param>
    /// <param name="prefix">What runs before the site.</param>
    public static FlagsAcrossGuard Choose(bool areLive, IReadOnlyList<Instruction> prefix)
    {
        if (!areLive) return new FlagsAcrossGuard([], []);
        return LastComparison(prefix) is { } comparison ? new FlagsAcrossGuard([], [comparison]) : OnTheStack;
    }

    private static FlagsAcrossGuard OnTheStack => new(
        [Instruction.Create(Lea_r64_m, Register.RSP, new MemoryOperand(Register.RSP, -RedZone)), Instruction.Create(Pushfq)],
        [Instruction.Create(Popfq), Instruction.Create(Lea_r64_m, Register.RSP, new MemoryOperand(Register.RSP, RedZone))]);

    /// <summary>The comparison that set all status flags, when it writes nothing else and gives the same once more.</summary>
    private static Instruction? LastComparison(IReadOnlyList<Instruction> prefix)
    {
        var changed = LiveSet.Empty;
        for (var i = prefix.Count - 1; i >= 0; i--)
        {
            var effects = RegisterEffects.Of(prefix[i]);
            if (!effects.Writes.Overlaps(LiveSet.Of(MachineFacts.StatusFlags)))
            {
                changed |= effects.Writes;
                continue;
            }
            var isRepeatable = prefix[i].Mnemonic is Mnemonic.Cmp or Mnemonic.Test && effects.Memory == MemoryEffect.None && !effects.Reads.Overlaps(changed);
            if (!isRepeatable) return null;
            var again = prefix[i];
            again.IP = 0;
            return again;
        }
        return null;
    }
}
