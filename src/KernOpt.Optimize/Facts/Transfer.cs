using Iced.Intel;
using KernOpt.Code.Images;

namespace KernOpt.Optimize.Facts;

/// <summary>
/// What one instruction does to what is known (SDM vol. 2). An instruction without a rule of its own makes everything that it writes unknown, as told by
/// Iced. A call keeps rbx, rbp, rsp and r12–r15 (psABI x86-64, 3.2.1) and makes the rest unknown.
/// </summary>
/// <param name="source">Where constant data is read from; null when loads are not to be folded.</param>
/// <param name="opaque">Addresses of instructions whose result must not be relied on: those that will be pointed at a table of the copy's own.</param>
internal sealed partial class Transfer(ICodeSource? source, IReadOnlySet<ulong> opaque)
{
    private readonly InstructionInfoFactory information = new();

    /// <summary>Advances the facts over one straight-line instruction.</summary>
    public void Apply(in Instruction instruction, MachineFacts facts)
    {
        if (IsOpaque(instruction))
        {
            Unknown(instruction, facts);
            return;
        }
        if (instruction.HasLockPrefix || instruction.HasRepPrefix || instruction.HasRepnePrefix || !ApplyKnown(instruction, facts)) Unknown(instruction, facts);
    }

    /// <summary>Its result is not decided before the copy is laid out.</summary>
    public bool IsOpaque(in Instruction instruction) => instruction.IP != 0 && opaque.Contains(instruction.IP);

    private bool ApplyKnown(in Instruction i, MachineFacts facts) =>
        ApplyMove(i, facts) || ApplyArithmetic(i, facts) || ApplyShift(i, facts) || ApplyBits(i, facts) || ApplyProduct(i, facts) || ApplyStack(i, facts);

    /// <summary>Everything that the instruction writes becomes unknown.</summary>
    private void Unknown(in Instruction instruction, MachineFacts facts)
    {
        if (instruction.FlowControl is FlowControl.Call or FlowControl.IndirectCall)
        {
            Call(facts);
            return;
        }
        if (instruction.FlowControl is FlowControl.Interrupt or FlowControl.XbeginXabortXend)
        {
            // The kernel's answer is in rax, which the instruction does not name.
            Call(facts);
            return;
        }
        ref readonly var info = ref information.GetInfo(instruction);
        foreach (var used in info.GetUsedRegisters())
        {
            if (used.Register.IsGPR() && IsWrite(used.Access)) facts.Forget(used.Register);
        }
        facts.ForgetFlags(instruction.RflagsModified);
    }

    private static bool IsWrite(OpAccess access) =>
        access is OpAccess.Write or OpAccess.CondWrite or OpAccess.ReadWrite or OpAccess.ReadCondWrite;

    private static void Call(MachineFacts facts)
    {
        foreach (var register in CallerSaved) facts.Forget(register);
        facts.ForgetFlags(MachineFacts.AllFlags);
    }

    private static readonly Register[] CallerSaved =
    [
        Register.RAX, Register.RCX, Register.RDX, Register.RSI, Register.RDI, Register.R8, Register.R9, Register.R10, Register.R11,
    ];

    /// <summary>The width in bits of an operand; that of operand 0 for immediates.</summary>
    internal static int Width(in Instruction i, int operand) => i.GetOpKind(operand) switch
    {
        OpKind.Register => MachineFacts.WidthOf(i.GetOpRegister(operand)),
        OpKind.Memory => i.MemorySize.GetSize() * 8,
        _ => operand == 0 ? 64 : Width(i, 0),
    };

    /// <summary>A register, immediate or memory operand, zero-extended from its width.</summary>
    public KnownBits Read(in Instruction i, int operand, MachineFacts facts)
    {
        var width = Width(i, operand);
        return i.GetOpKind(operand) switch
        {
            OpKind.Register => facts[i.GetOpRegister(operand)] is var bits && i.GetOpRegister(operand).IsGPR() ? bits : KnownBits.Unknown,
            OpKind.Memory => Load(i, width, facts),
            OpKind.Immediate8 or OpKind.Immediate16 or OpKind.Immediate32 or OpKind.Immediate64 or OpKind.Immediate8to16 or OpKind.Immediate8to32
                or OpKind.Immediate8to64 or OpKind.Immediate32to64 => KnownBits.Of(i.GetImmediate(operand)).Trim(width),
            _ => KnownBits.Unknown,
        };
    }

    private KnownBits Load(in Instruction i, int width, MachineFacts facts)
    {
        var unknown = width is 8 or 16 or 32 ? KnownBits.UnknownOf(width) : KnownBits.Unknown;
        if (IsSegmented(i) || width is not (8 or 16 or 32 or 64)) return unknown;
        var address = Address(i, facts);
        if (address.IsConstant && ConstantMemory.TryRead(source, address.Value, width / 8, out var value)) return KnownBits.Of(value);
        return unknown;
    }

    /// <summary>fs: and gs: add a base that is not known.</summary>
    internal static bool IsSegmented(in Instruction i) => i.MemorySegment is Register.FS or Register.GS;

    /// <summary>The effective address of the memory operand, without a segment's base.</summary>
    public static KnownBits Address(in Instruction i, MachineFacts facts)
    {
        if (i.IsIPRelativeMemoryOperand) return KnownBits.Of(i.IPRelativeMemoryAddress);
        var width = 64;
        var sum = KnownBits.Of(i.MemoryDisplacement64);
        if (i.MemoryBase != Register.None)
        {
            if (!i.MemoryBase.IsGPR()) return KnownBits.Unknown;
            width = MachineFacts.WidthOf(i.MemoryBase);
            sum += facts[i.MemoryBase];
        }
        if (i.MemoryIndex != Register.None)
        {
            if (!i.MemoryIndex.IsGPR()) return KnownBits.Unknown;
            width = MachineFacts.WidthOf(i.MemoryIndex);
            sum += facts[i.MemoryIndex] * KnownBits.Of((ulong)i.MemoryIndexScale);
        }
        return sum.Trim(width);
    }

    /// <summary>The distance of the memory operand from the entry's rsp, when it is a plain base + displacement.</summary>
    public static long? FrameDistance(in Instruction i, MachineFacts facts)
    {
        if (IsSegmented(i) || i.MemoryBase == Register.None || !i.MemoryBase.IsGPR64()) return null;
        var offset = unchecked((long)i.MemoryDisplacement64);
        if (i.MemoryIndex != Register.None)
        {
            if (!i.MemoryIndex.IsGPR64() || facts[i.MemoryIndex] is not { IsConstant: true } index) return null;
            offset = unchecked(offset + (long)index.Value * i.MemoryIndexScale);
        }
        return facts.Distance(i.MemoryBase) + offset;
    }

    /// <summary>Writes operand 0; memory is not followed.</summary>
    private static void Write(in Instruction i, MachineFacts facts, KnownBits value)
    {
        if (i.Op0Kind == OpKind.Register) facts.Write(i.Op0Register, value);
    }

    private static bool IsGeneral(in Instruction i, int operand) =>
        i.GetOpKind(operand) != OpKind.Register || i.GetOpRegister(operand).IsGPR();
}
