using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Target;

namespace KernOpt.Validate.Running;

/// <summary>What the instructions of original and version tell before anything is run.</summary>
internal sealed class CodeFacts
{
    private readonly Dictionary<ulong, Instruction> original = [];
    private readonly Dictionary<ulong, Instruction> version = [];
    private readonly Dictionary<ulong, ulong> returnAddresses = [];
    private readonly HashSet<(ulong Original, ulong Version)> tableAddresses = [];
    private readonly HashSet<ulong> immediates = [];
    private readonly HashSet<ulong> globals = [];
    private readonly HashSet<long> displacements = [0];
    private readonly HashSet<Register> writtenByOriginal = [];

    public IReadOnlyDictionary<ulong, Instruction> Original => original;
    public IReadOnlyDictionary<ulong, Instruction> Version => version;

    /// <summary>Numbers that the original compares or computes with: likely boundaries of its behaviour.</summary>
    public IReadOnlyList<ulong> Immediates { get; private set; } = [];

    /// <summary>Addresses of variables that the original names outright.</summary>
    public IReadOnlyList<ulong> Globals { get; private set; } = [];

    /// <summary>Offsets from pointers that the original uses: where the fields of its arguments lie.</summary>
    public IReadOnlyList<long> Displacements { get; private set; } = [];

    /// <summary>x87, MMX, SSE or AVX state is read or written by either.</summary>
    public bool UsesVectors { get; private set; }

    public static Outcome<CodeFacts> Of(ValidationRequest request)
    {
        var facts = new CodeFacts();
        foreach (var range in request.Original.Code)
        {
            var bytes = new byte[range.Length];
            if (request.Read(range.Start, bytes) != bytes.Length) return Reasons.OriginalUnreadable.With($"{range}");
            Decode(bytes, range.Start.Value, facts.original);
        }
        var code = request.Version.Code;
        Decode(code.Bytes.AsSpan(0, code.CodeBytes).ToArray(), code.At.Value, facts.version);
        if (!facts.original.ContainsKey(request.Original.Site.Value)) return Reasons.OriginalUnreadable.With($"no instruction at the site {request.Original.Site}");
        foreach (var instruction in facts.original.Values.Concat(facts.version.Values))
        {
            if (IsNondeterministic(instruction)) return Reasons.NondeterministicCode.With($"{instruction} at 0x{instruction.IP:x}");
        }
        facts.Collect();
        facts.PairReturnAddresses(code);
        facts.PairTables(code);
        return facts;
    }

    /// <summary>
    /// The original instruction never writes this register, calls apart: callers may know that and keep a value there (gcc's -fipa-ra), so a version
    /// must not write it either.
    /// </summary>
    public bool IsNeverWritten(Register register) => !writtenByOriginal.Contains(register);

    /// <summary>Where the original's copy of that call returns to, when the address is where a call of the version returns to.</summary>
    public bool TryTranslate(ulong versionReturn, out ulong originalReturn) => returnAddresses.TryGetValue(versionReturn, out originalReturn);

    /// <summary>
    /// The address of a jump table, or of a place that it leads to, and that of its counterpart in the version: what a jump leaves behind in registers,
    /// which nobody uses for anything else.
    /// </summary>
    public bool AreSameOfTable(ulong ofOriginal, ulong ofVersion) => tableAddresses.Contains((ofOriginal, ofVersion));

    private static void Decode(byte[] bytes, ulong at, Dictionary<ulong, Instruction> into)
    {
        var decoder = Decoder.Create(64, new ByteArrayCodeReader(bytes), at);
        while (decoder.IP < at + (ulong)bytes.Length)
        {
            var instruction = decoder.Decode();
            if (!instruction.IsInvalid) into[instruction.IP] = instruction;
        }
    }

    private static bool IsNondeterministic(in Instruction instruction) => instruction.Mnemonic is Mnemonic.Rdtsc or Mnemonic.Rdtscp or Mnemonic.Cpuid
        or Mnemonic.Rdrand or Mnemonic.Rdseed or Mnemonic.Xgetbv or Mnemonic.Rdpid or Mnemonic.Rdpmc or Mnemonic.Xbegin or Mnemonic.Rdpru
        or Mnemonic.Sgdt or Mnemonic.Sidt or Mnemonic.Sldt or Mnemonic.Str or Mnemonic.Smsw or Mnemonic.Umwait or Mnemonic.Tpause;

    private void Collect()
    {
        var factory = new InstructionInfoFactory();
        foreach (var instruction in original.Values)
        {
            CollectOperands(instruction);
            foreach (var used in factory.GetInfo(instruction).GetUsedRegisters())
            {
                if (used.Access is OpAccess.Write or OpAccess.ReadWrite or OpAccess.CondWrite or OpAccess.ReadCondWrite) writtenByOriginal.Add(Full(used.Register));
            }
        }
        UsesVectors = original.Values.Concat(version.Values).Any(i => UsesVectorState(factory, i));
        Immediates = [.. immediates.Order()];
        Globals = [.. globals.Order()];
        Displacements = [.. displacements.Order()];
    }

    private void CollectOperands(in Instruction instruction)
    {
        for (var i = 0; i < instruction.OpCount; i++)
        {
            var kind = instruction.GetOpKind(i);
            if (kind == OpKind.Memory)
            {
                if (instruction.IsIPRelativeMemoryOperand) globals.Add(instruction.IPRelativeMemoryAddress);
                else if (instruction.MemoryBase == Register.None) globals.Add(instruction.MemoryDisplacement64);
                else displacements.Add((long)instruction.MemoryDisplacement64);
            }
            else if (kind is >= OpKind.Immediate8 and <= OpKind.Immediate32to64) immediates.Add(instruction.GetImmediate(i));
        }
    }

    private static bool UsesVectorState(InstructionInfoFactory factory, in Instruction instruction)
    {
        if (instruction.Mnemonic is Mnemonic.Fxsave or Mnemonic.Fxsave64 or Mnemonic.Fxrstor or Mnemonic.Fxrstor64 or Mnemonic.Xsave or Mnemonic.Xsave64
            or Mnemonic.Xsavec or Mnemonic.Xsavec64 or Mnemonic.Xrstor or Mnemonic.Xrstor64 or Mnemonic.Ldmxcsr or Mnemonic.Stmxcsr or Mnemonic.Vldmxcsr
            or Mnemonic.Vstmxcsr or Mnemonic.Vzeroupper or Mnemonic.Vzeroall or Mnemonic.Emms) return true;
        if (instruction.GetFpuStackIncrementInfo().WritesTop || instruction.Mnemonic is Mnemonic.Fldcw or Mnemonic.Fnstcw or Mnemonic.Fninit) return true;
        foreach (var used in factory.GetInfo(instruction).GetUsedRegisters())
        {
            if (used.Register.IsVectorRegister() || used.Register.IsST() || used.Register.IsMM() || used.Register.IsK()) return true;
        }
        return false;
    }

    private void PairReturnAddresses(EncodedCode code)
    {
        foreach (var (from, moved) in code.Map)
        {
            if (version.TryGetValue(moved.Value, out var copy) && copy.FlowControl is FlowControl.Call or FlowControl.IndirectCall
                && original.TryGetValue(from.Value, out var source)) returnAddresses[copy.NextIP] = source.NextIP;
        }
    }

    private void PairTables(EncodedCode code)
    {
        foreach (var (table, at) in code.Tables)
        {
            tableAddresses.Add((table.Table.Value, at.Value));
            for (var i = 0; i < table.Targets.Length; i++)
            {
                var bytes = code.Bytes.AsSpan((int)(at - code.At));
                var target = table.Kind == JumpTableKind.Absolute ? BitConverter.ToUInt64(bytes[(i * 8)..]) : at.Value + (ulong)(long)BitConverter.ToInt32(bytes[(i * 4)..]);
                tableAddresses.Add((table.Targets[i].Value, target));
            }
        }
    }

    private static Register Full(Register register)
        => register.IsVectorRegister() ? Register.XMM0 + register.GetNumber() : register.GetFullRegister();
}
