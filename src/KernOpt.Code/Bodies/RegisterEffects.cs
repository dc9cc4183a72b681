using Iced.Intel;

namespace KernOpt.Code.Bodies;

/// <summary>What an instruction does to memory, as far as its encoding tells.</summary>
[Flags]
public enum MemoryEffect
{
    None = 0,
    Read = 1,
    Write = 2,
    /// <summary>Through fs or gs: the thread's own area.</summary>
    Thread = 4,
}

/// <summary>
/// Reads: what the outcome may depend on. Writes: what may change. Kills: what certainly no longer has its old value, or, for flags that the SDM
/// leaves undefined, what no program may rely on. IsOpaque: more happens than registers and memory operands tell (calls, system calls, save and
/// restore instructions); then everything is read and may be written.
/// </summary>
public readonly record struct Effects(LiveSet Reads, LiveSet Writes, LiveSet Kills, MemoryEffect Memory, bool IsOpaque)
{
    /// <summary>What is live before, given what is live after.</summary>
    public LiveSet LiveBefore(LiveSet after) => (after - Kills) | Reads;
}

/// <summary>Effects of single instructions, from Iced's tables, corrected where those say less than is needed here.</summary>
public static class RegisterEffects
{
    [ThreadStatic]
    private static InstructionInfoFactory? factory;

    /// <summary>All status flags but DF: dead at calls and returns (psABI 3.2.1 keeps only DF and the control words across them).</summary>
    internal static readonly LiveSet VolatileFlags = LiveSet.Of(LiveSet.AllFlags & ~(RflagsBits.DF | RflagsBits.AC));

    /// <summary>
    /// A call reads every register, for callees of gcc's -fipa-ra and .isra clones read others than the psABI says, and is sure to overwrite none;
    /// status flags are neither passed nor kept. Anything unusual reads all and kills nothing.
    /// </summary>
    public static Effects Of(in Instruction instruction)
    {
        if (instruction.FlowControl is FlowControl.Call or FlowControl.IndirectCall && instruction.Mnemonic == Mnemonic.Call)
        {
            return new Effects(LiveSet.All - VolatileFlags, LiveSet.All, VolatileFlags, MemoryEffect.Read | MemoryEffect.Write, true);
        }
        if (IsOpaque(instruction)) return new Effects(LiveSet.All, LiveSet.All, LiveSet.Empty, MemoryEffect.Read | MemoryEffect.Write, true);
        var info = (factory ??= new InstructionInfoFactory()).GetInfo(instruction);
        LiveSet reads = LiveSet.Of(instruction.RflagsRead), writes = LiveSet.Of(instruction.RflagsModified);
        var kills = MayLeaveFlags(instruction) ? LiveSet.Empty : writes;
        foreach (var used in info.GetUsedRegisters())
        {
            // Iced names what is really written: rax for a 32-bit write of eax, zmm0 for a VEX-encoded one of xmm0.
            var register = LiveSet.Of(used.Register);
            if (used.Access is OpAccess.Read or OpAccess.CondRead or OpAccess.ReadWrite or OpAccess.ReadCondWrite) reads |= register;
            if (used.Access is OpAccess.Write or OpAccess.CondWrite or OpAccess.ReadWrite or OpAccess.ReadCondWrite) writes |= register;
            if (used.Access is OpAccess.Write or OpAccess.ReadWrite) kills |= register;
        }
        var stack = IsFloatingStack(instruction) ? LiveSet.FloatingStack : LiveSet.Empty;
        return new Effects(reads | stack, writes | stack, kills - LiveSet.FloatingStack, MemoryOf(instruction, info), false);
    }

    /// <summary>The flags that a condition reads.</summary>
    public static RflagsBits FlagsOf(ConditionCode condition) => condition switch
    {
        ConditionCode.o or ConditionCode.no => RflagsBits.OF,
        ConditionCode.b or ConditionCode.ae => RflagsBits.CF,
        ConditionCode.e or ConditionCode.ne => RflagsBits.ZF,
        ConditionCode.be or ConditionCode.a => RflagsBits.CF | RflagsBits.ZF,
        ConditionCode.s or ConditionCode.ns => RflagsBits.SF,
        ConditionCode.p or ConditionCode.np => RflagsBits.PF,
        ConditionCode.l or ConditionCode.ge => RflagsBits.SF | RflagsBits.OF,
        ConditionCode.le or ConditionCode.g => RflagsBits.SF | RflagsBits.OF | RflagsBits.ZF,
        _ => RflagsBits.None,
    };

    private static bool IsOpaque(in Instruction instruction) =>
        instruction.FlowControl is FlowControl.Call or FlowControl.IndirectCall or FlowControl.Interrupt or FlowControl.Exception or FlowControl.XbeginXabortXend
        || instruction.IsPrivileged || instruction.IsSaveRestoreInstruction
        || instruction.Mnemonic is Mnemonic.Ldmxcsr or Mnemonic.Vldmxcsr or Mnemonic.Fldcw or Mnemonic.Emms or Mnemonic.Femms or Mnemonic.Enter
            or Mnemonic.Xend or Mnemonic.Wrfsbase or Mnemonic.Wrgsbase or Mnemonic.Wrpkru or Mnemonic.Rdpkru or Mnemonic.Cpuid;

    /// <summary>A count in cl may be zero, and a repeated comparison may run no time: then the flags stay (SDM vol. 2, SAL, ROL, SHLD, REP).</summary>
    private static bool MayLeaveFlags(in Instruction instruction)
    {
        if (instruction.HasRepPrefix || instruction.HasRepnePrefix) return true;
        for (var i = 1; i < instruction.OpCount; i++)
        {
            if (instruction.GetOpKind(i) != OpKind.Register || instruction.GetOpRegister(i) != Register.CL) continue;
            if (instruction.Mnemonic is Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar or Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Rcl
                or Mnemonic.Rcr or Mnemonic.Shld or Mnemonic.Shrd) return true;
        }
        return false;
    }

    /// <summary>x87 and MMX share one stack whose top moves; it is one thing here.</summary>
    private static bool IsFloatingStack(in Instruction instruction)
    {
        foreach (var feature in instruction.CpuidFeatures)
        {
            if (feature is CpuidFeature.FPU or CpuidFeature.FPU287 or CpuidFeature.FPU387 or CpuidFeature.MMX) return true;
        }
        return false;
    }

    /// <summary>Fences and reads of the clock count as reads and writes of memory: they must stay where they are.</summary>
    private static MemoryEffect MemoryOf(in Instruction instruction, InstructionInfo info)
    {
        var effect = instruction.Mnemonic is Mnemonic.Mfence or Mnemonic.Lfence or Mnemonic.Sfence or Mnemonic.Pause or Mnemonic.Serialize
            or Mnemonic.Rdtsc or Mnemonic.Rdtscp or Mnemonic.Clflush or Mnemonic.Clflushopt or Mnemonic.Clwb or Mnemonic.Umwait or Mnemonic.Tpause
            ? MemoryEffect.Read | MemoryEffect.Write
            : MemoryEffect.None;
        foreach (var used in info.GetUsedMemory())
        {
            if (used.Access == OpAccess.NoMemAccess) continue;
            if (used.Access is not (OpAccess.Write or OpAccess.CondWrite)) effect |= MemoryEffect.Read;
            if (used.Access is not (OpAccess.Read or OpAccess.CondRead)) effect |= MemoryEffect.Write;
            if (used.Segment is Register.FS or Register.GS) effect |= MemoryEffect.Thread;
        }
        return effect;
    }
}
