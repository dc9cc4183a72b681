using Iced.Intel;
using KernOpt.Code.Graphs;

namespace KernOpt.Live.Sites;

/// <summary>
/// Whether the six status flags are dead at a place: on every path they are written before they are read. Where the function is left they
/// are taken to be live: with -fipa-ra, or in assembly, a caller may use what its callee leaves in them.
/// </summary>
internal sealed class FlagLiveness(FunctionGraph graph)
{
    private const RflagsBits Status = RflagsBits.CF | RflagsBits.PF | RflagsBits.AF | RflagsBits.ZF | RflagsBits.SF | RflagsBits.OF;

    private readonly HashSet<(int Block, RflagsBits Open)> seen = [];

    /// <summary>Asks about the place before instruction <paramref name="from"/> of a block.</summary>
    public bool AreDeadBefore(BasicBlock block, int from)
    {
        seen.Clear();
        return AreDead(block, from, Status);
    }

    /// <summary>Open: the flags that have not been written yet.</summary>
    private bool AreDead(BasicBlock block, int from, RflagsBits open)
    {
        var work = new Stack<(BasicBlock Block, int From, RflagsBits Open)>([(block, from, open)]);
        while (work.TryPop(out var at))
        {
            var left = at.Open;
            for (var i = at.From; i < at.Block.Instructions.Length && left != 0; i++)
            {
                var instruction = at.Block.Instructions[i];
                if ((instruction.RflagsRead & left) != 0 || !StaysInside(instruction)) return false;
                if (AlwaysWrites(instruction)) left &= ~instruction.RflagsModified;
            }
            if (left == 0) continue;
            if (LeavesTheFunction(at.Block)) return false;
            foreach (var next in at.Block.Successors)
            {
                if (seen.Add((next, left))) work.Push((graph.Blocks[next], 0, left));
            }
        }
        return true;
    }

    private static bool StaysInside(in Instruction instruction) =>
        instruction.FlowControl is FlowControl.Next or FlowControl.ConditionalBranch or FlowControl.UnconditionalBranch or FlowControl.IndirectBranch;

    private static bool LeavesTheFunction(BasicBlock block) => block.Successors.IsEmpty || !block.Exits.IsEmpty;

    /// <summary>Shifts by cl and repeated string instructions leave the flags alone when the count is 0 (SDM, SHL and REP).</summary>
    private static bool AlwaysWrites(in Instruction instruction)
    {
        if (instruction.HasRepPrefix || instruction.HasRepnePrefix) return !instruction.IsStringInstruction;
        return instruction.Mnemonic is not (Mnemonic.Shl or Mnemonic.Shr or Mnemonic.Sar or Mnemonic.Sal or Mnemonic.Rol or Mnemonic.Ror
            or Mnemonic.Rcl or Mnemonic.Rcr or Mnemonic.Shld or Mnemonic.Shrd);
    }
}
