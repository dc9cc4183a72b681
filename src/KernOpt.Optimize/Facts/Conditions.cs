using Iced.Intel;

namespace KernOpt.Optimize.Facts;

/// <summary>The sixteen conditions over flags that may be unknown (SDM vol. 1, appendix B).</summary>
internal static class Conditions
{
    public static bool? Holds(ConditionCode condition, MachineFacts facts)
    {
        bool? Flag(RflagsBits flag) => facts.Flag(flag);
        return condition switch
        {
            ConditionCode.o => Flag(RflagsBits.OF),
            ConditionCode.no => !Flag(RflagsBits.OF),
            ConditionCode.b => Flag(RflagsBits.CF),
            ConditionCode.ae => !Flag(RflagsBits.CF),
            ConditionCode.e => Flag(RflagsBits.ZF),
            ConditionCode.ne => !Flag(RflagsBits.ZF),
            ConditionCode.be => Flag(RflagsBits.CF) | Flag(RflagsBits.ZF),
            ConditionCode.a => !(Flag(RflagsBits.CF) | Flag(RflagsBits.ZF)),
            ConditionCode.s => Flag(RflagsBits.SF),
            ConditionCode.ns => !Flag(RflagsBits.SF),
            ConditionCode.p => Flag(RflagsBits.PF),
            ConditionCode.np => !Flag(RflagsBits.PF),
            ConditionCode.l => Flag(RflagsBits.SF) ^ Flag(RflagsBits.OF),
            ConditionCode.ge => !(Flag(RflagsBits.SF) ^ Flag(RflagsBits.OF)),
            ConditionCode.le => Flag(RflagsBits.ZF) | (Flag(RflagsBits.SF) ^ Flag(RflagsBits.OF)),
            ConditionCode.g => !(Flag(RflagsBits.ZF) | (Flag(RflagsBits.SF) ^ Flag(RflagsBits.OF))),
            _ => null,
        };
    }
}
