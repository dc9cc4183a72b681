using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Target;

namespace KernOpt.Live.Points;

/// <summary>
/// Instructions First..Last of a block: whoever executes one of them comes to Last, has come from First, and all but Last can be executed elsewhere instead. A call ends
/// a run, since its return address must be the original one; so do a system call and endbr64 (an indirect call must find it where it was), whatever else leaves the straight
/// line, and a place where other code comes in.
/// </summary>
public readonly record struct StraightRun(int First, int Last)
{
    /// <summary>The run that an instruction of the block is in. Entries: where code outside of the function enters it.</summary>
    public static StraightRun Around(BasicBlock block, int index, IReadOnlySet<Address> entries)
    {
        var first = index;
        while (first > 0 && CanBypass(block.Instructions[first - 1]) && !IsEntered(first)) first--;
        var last = index;
        while (last + 1 < block.Instructions.Length && CanBypass(block.Instructions[last]) && !IsEntered(last + 1)) last++;
        return new StraightRun(first, last);

        bool IsEntered(int i) => entries.Contains(new Address(block.Instructions[i].IP));
    }

    /// <summary>It does the same elsewhere and goes on to the next instruction.</summary>
    public static bool CanBypass(in Instruction instruction) =>
        instruction.FlowControl == FlowControl.Next && !instruction.IsInvalid && instruction.MemoryBase != Register.EIP
        && instruction.Mnemonic is not (Mnemonic.Endbr64 or Mnemonic.Endbr32 or Mnemonic.Syscall or Mnemonic.Sysenter);

    /// <summary>It does the same elsewhere, wherever it goes on to: also jumps, and returns.</summary>
    public static bool CanMove(in Instruction instruction) =>
        CanBypass(instruction) || instruction.IsJmpShortOrNear || instruction.IsJccShortOrNear
        || ((instruction.IsJmpNearIndirect || instruction.Code is Iced.Intel.Code.Retnq or Iced.Intel.Code.Retnq_imm16) && instruction.MemoryBase != Register.EIP);
}
