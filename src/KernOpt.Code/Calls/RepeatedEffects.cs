using Iced.Intel;
using KernOpt.Code.Bodies;

namespace KernOpt.Code.Calls;

/// <summary>
/// <see cref="StrictEffects"/> of instructions that differ in nothing but numbers are worked out once: a program of a million instructions has some ten thousand kinds. For each thread by itself.
/// </summary>
internal static class RepeatedEffects
{
    /// <summary>A power of two. A kind that falls on another's place takes it: the common ones are back at once, and all of them stay in the processor's cache.</summary>
    private const int Places = 1 << 13;

    [ThreadStatic]
    private static (Kind Kind, Effects Effects)[]? known;

    public static ref readonly Effects Of(in Instruction instruction)
    {
        var places = known ??= new (Kind, Effects)[Places];
        var kind = Kind.Of(instruction);
        ref var place = ref places[kind.GetHashCode() & (Places - 1)];
        if (!place.Kind.Equals(kind)) place = (kind, StrictEffects.Of(instruction));
        return ref place.Effects;
    }

    /// <summary>Everything that effects on registers and flags depend on: all but displacements and immediates, of which only those of a byte count (a shift by 0 leaves the flags).</summary>
    private readonly record struct Kind(ulong Operands, ulong Rest)
    {
        public static Kind Of(in Instruction i)
        {
            // The bit tells every kind from that of a place that holds none yet.
            ulong operands = (ulong)i.Code << 48, rest = 1UL << 52;
            for (var n = 0; n < i.OpCount; n++)
            {
                var kind = i.GetOpKind(n);
                rest |= (ulong)kind << (5 * n);
                if (kind == OpKind.Register) operands |= (ulong)i.GetOpRegister(n) << (8 * n);
                else if (kind == OpKind.Immediate8) rest |= (ulong)i.Immediate8 << 56;
                else if (kind == OpKind.Memory) operands |= ((ulong)i.MemoryBase << 32) | ((ulong)i.MemoryIndex << 40);
            }
            rest |= (ulong)i.SegmentPrefix << 32 | (ulong)i.OpMask << 40;
            if (i.HasLockPrefix) rest |= 1UL << 48;
            if (i.HasRepPrefix) rest |= 1UL << 49;
            if (i.HasRepnePrefix) rest |= 1UL << 50;
            if (i.ZeroingMasking) rest |= 1UL << 51;
            return new Kind(operands, rest);
        }

        public override int GetHashCode() => (int)((Operands * 0x9E37_79B9_7F4A_7C15 ^ Rest * 0xC2B2_AE3D_27D4_EB4F) >> 29);

        public bool Equals(Kind other) => Operands == other.Operands && Rest == other.Rest;
    }
}
