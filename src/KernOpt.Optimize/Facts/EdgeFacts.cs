using Iced.Intel;
using KernOpt.Code.Bodies;

namespace KernOpt.Optimize.Facts;

/// <summary>
/// What a branch tells about the values that it depends on: where "cmp r, x" with a known x decides for equal, r is x; after "test r, r", r is zero.
/// </summary>
internal static class EdgeFacts
{
    public static MachineFacts Along(BodyBlock block, ConditionCode condition, bool taken, MachineFacts atEnd, Transfer transfer)
    {
        var facts = atEnd.Copy();
        if (condition is not (ConditionCode.e or ConditionCode.ne)) return facts;
        var isEqual = (condition == ConditionCode.e) == taken;
        facts.SetFlag(RflagsBits.ZF, isEqual);
        if (!isEqual || block.Instructions.Count == 0) return facts;
        // Only a comparison that is the last instruction: nothing has changed the register since.
        var last = block.Instructions[^1];
        if (last.Mnemonic is not (Mnemonic.Cmp or Mnemonic.Test) || last.Op0Kind != OpKind.Register || !last.Op0Register.IsGPR()) return facts;
        if (last.Mnemonic == Mnemonic.Test)
        {
            if (Transfer.IsSameRegister(last)) Refine(facts, last.Op0Register, KnownBits.Zero);
            return facts;
        }
        var other = transfer.Read(last, 1, atEnd);
        if (other.IsConstant) Refine(facts, last.Op0Register, other);
        return facts;
    }

    /// <summary>Learns the low bits without a write: a 32-bit comparison tells nothing of the upper half.</summary>
    private static void Refine(MachineFacts facts, Register register, KnownBits value)
    {
        if (MachineFacts.IsHighByte(register)) return;
        var whole = register.GetFullRegister();
        var low = KnownBits.Ones(MachineFacts.WidthOf(register));
        var distance = facts.Distance(whole);
        facts.Write(whole, KnownBits.Both(facts[whole], new(low, value.Value & low)));
        facts.SetDistance(whole, distance);
    }
}
