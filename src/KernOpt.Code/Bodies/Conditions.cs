using Iced.Intel;

namespace KernOpt.Code.Bodies;

/// <summary>The sixteen conditions as the encoding has them: the low bit negates (SDM vol. 2, appendix B, "tttn").</summary>
internal static class Conditions
{
    /// <summary>0..15.</summary>
    public static int NumberOf(ConditionCode condition) => (int)condition - (int)ConditionCode.o;

    public static bool IsValid(ConditionCode condition) => condition is >= ConditionCode.o and <= ConditionCode.g;

    public static ConditionCode Negate(ConditionCode condition) => (ConditionCode)((NumberOf(condition) ^ 1) + (int)ConditionCode.o);
}
