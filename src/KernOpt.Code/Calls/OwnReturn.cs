using Iced.Intel;
using KernOpt.Code.Graphs;

namespace KernOpt.Code.Calls;

/// <summary>
/// Whether a function that returns, or jumps on to another, leaves for the one that called it: the stack pointer is back at where it was at the entry, and nothing was stored over the return address.
/// Not so
/// <code>
///     push rax                 mov  [rsp], rax          push back
///     ret                      ret                      jmp  f         ; f returns to "back"
/// </code>
/// Not seen: a store to it through another register than the stack pointer. Callees are taken to leave the stack pointer as it was.
/// </summary>
internal static class OwnReturn
{
    private const int AddressBytes = 8;

    /// <summary>For each block whether that holds where it ends, if it ends so.</summary>
    public static bool[] Of(FunctionGraph graph)
    {
        var result = new bool[graph.Blocks.Length];
        var depths = new StackDepth(graph, new AbiRegisterUse());
        var isOverwritten = false;
        foreach (var block in graph.Blocks)
        {
            long? last = null;
            for (var walk = depths.Along(block); walk.MoveNext();)
            {
                last = walk.Depth;
                isOverwritten |= WritesReturnAddress(walk.Instruction, last);
            }
            // The depth is that before the last instruction, which of a block that runs out may be any.
            result[block.Index] = last == 0 && block.End != BlockEnd.RunsOut;
        }
        if (isOverwritten) Array.Clear(result);
        return result;
    }

    private static bool WritesReturnAddress(in Instruction instruction, long? depth)
    {
        if (instruction.MemoryBase != Register.RSP || instruction.Op0Kind != OpKind.Memory) return false;
        if (instruction.Mnemonic is Mnemonic.Cmp or Mnemonic.Test or Mnemonic.Push or Mnemonic.Call or Mnemonic.Jmp or Mnemonic.Nop) return false;
        if (depth is not { } known) return false;
        // With an index the place is not known; compilers use it for arrays, which do not lie at the return address.
        if (instruction.MemoryIndex != Register.None) return false;
        var from = known + (long)instruction.MemoryDisplacement64;
        return from < AddressBytes && from + Math.Max(1, instruction.MemorySize.GetSize()) > 0;
    }
}
