using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Live.Points;
using KernOpt.Probes.Language;
using KernOpt.Target;

namespace KernOpt.Probes.Compile;

/// <summary>
/// Proves that a read cannot fault, in one of three ways:
/// <list type="bullet">
/// <item>it lies on the stack between the stack pointer and the return address, that included;</item>
/// <item>it lies in data of the function's own module, or of one that is never unmapped;</item>
/// <item>the program itself reads these bytes, from the same register, in the instructions that certainly follow, before anything else could fault or change the
/// register. A program that this kills was about to die by the same access: but for one that recovers from faults by the address of its instruction, and does not know ours.
/// <code>
///  point: mov  eax, [rdi+8]          ; u32[rdi+8], u16[rdi+10] are proved here
/// </code></item>
/// </list>
/// </summary>
internal static class ReadProof
{
    /// <summary>What does one access at the place that its operand names, or none, and faults in no other way. Not bt with a register, nor div.</summary>
    private static readonly HashSet<Mnemonic> Plain =
    [
        Mnemonic.Mov, Mnemonic.Movzx, Mnemonic.Movsx, Mnemonic.Movsxd, Mnemonic.Lea, Mnemonic.Add, Mnemonic.Sub, Mnemonic.And, Mnemonic.Or, Mnemonic.Xor, Mnemonic.Cmp, Mnemonic.Test, Mnemonic.Inc,
        Mnemonic.Dec, Mnemonic.Neg, Mnemonic.Not, Mnemonic.Shl, Mnemonic.Shr, Mnemonic.Sar, Mnemonic.Imul, Mnemonic.Push, Mnemonic.Pop, Mnemonic.Nop, Mnemonic.Endbr64, Mnemonic.Cdq, Mnemonic.Cqo,
        Mnemonic.Cdqe, Mnemonic.Cwde, Mnemonic.Movups, Mnemonic.Movdqu, Mnemonic.Movd, Mnemonic.Movq, Mnemonic.Movss, Mnemonic.Movsd, Mnemonic.Pxor, Mnemonic.Xorps,
    ];

    public static bool IsProved(FunctionGraph graph, Point point, Load load, bool programMayRecover)
    {
        if (FixedPlace.Of(load.Address) is { } data) return data.IsReadable(graph.Function.Module.Location, load.Type.Bytes);
        if (PlaceInMemory.Of(load.Address) is not { } place) return false;
        return place.Register == Register.RSP ? IsOnStack(graph, point, place.Offset, load.Type.Bytes)  : !programMayRecover && ProgramDoesIt(point, place, load.Type.Bytes);
    }

    private static bool IsOnStack(FunctionGraph graph, Point point, int offset, int bytes) =>
        offset >= 0 && ReturnAddressPlace.Above(graph, point.Block.Index, point.Index) is { } above && offset + bytes <= above + 8;

    private static bool ProgramDoesIt(Point point, PlaceInMemory place, int bytes)
    {
        var factory = new InstructionInfoFactory();
        for (var i = point.Index; i < point.Block.Instructions.Length; i++)
        {
            var instruction = point.Block.Instructions[i];
            if (!Plain.Contains(instruction.Mnemonic) || instruction.HasRepPrefix || instruction.HasRepnePrefix || instruction.HasOpMask) return false;
            var info = factory.GetInfo(instruction);
            foreach (var memory in info.GetUsedMemory())
            {
                if (memory.Access == OpAccess.NoMemAccess) continue;
                if (Covers(memory, place, bytes)) return true;
                // It might fault itself, and a handler go on elsewhere. The stack does not.
                if (memory.Base != Register.RSP || memory.Index != Register.None) return false;
            }
            foreach (var register in info.GetUsedRegisters())
            {
                if (register.Register.GetFullRegister() == place.Register && register.Access is not (OpAccess.Read or OpAccess.CondRead or OpAccess.None or OpAccess.NoMemAccess)) return false;
            }
        }
        return false;
    }

    private static bool Covers(in UsedMemory memory, PlaceInMemory place, int bytes) =>
        memory.Access is OpAccess.Read or OpAccess.ReadWrite or OpAccess.ReadCondWrite && memory.Base == place.Register && memory.Index == Register.None && memory.AddressSize == CodeSize.Code64
        && memory.Segment is not (Register.FS or Register.GS) && memory.MemorySize.GetSize() is var size && (long)memory.Displacement <= place.Offset
        && place.Offset + bytes <= (long)memory.Displacement + size;
}
