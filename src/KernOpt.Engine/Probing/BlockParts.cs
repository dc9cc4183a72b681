using Iced.Intel;
using KernOpt.Code.Graphs;

namespace KernOpt.Engine.Probing;

/// <summary>A block cut behind each of its calls, which need not come back: all of a part is run when its first instruction is.</summary>
internal static class BlockParts
{
    /// <summary>The index of the first instruction of each part.</summary>
    public static IEnumerable<int> Starts(BasicBlock block) => Enumerable.Range(0, block.Instructions.Length).Where(i => i == 0 || IsCall(block.Instructions[i - 1]));

    /// <summary>The number of the part that an instruction is in, from 0.</summary>
    public static int PartOf(BasicBlock block, int index) => block.Instructions.Take(index).Count(i => IsCall(i));

    private static bool IsCall(in Instruction instruction) => instruction.FlowControl is FlowControl.Call or FlowControl.IndirectCall && instruction.Mnemonic == Mnemonic.Call;
}
