using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Target;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Live.Stubs;

/// <summary>The first InLine bytes are what most passages run. Entries: at which bytes it is entered.</summary>
public readonly record struct StubCode(byte[] Bytes, int InLine)
{
    public ImmutableArray<int> Entries { get; init; } = [0];
}

/// <summary>Turns a few instructions into bytes for one place. Rip-relative operands are given as absolute addresses.</summary>
public static class StubAssembler
{
    /// <summary>
    /// Bytes below the stack pointer that belong to the interrupted function (System V ABI §3.2.2); a stub that needs the stack steps over them by
    /// lea, which leaves the flags alone.
    /// </summary>
    public const int RedZone = 128;

    /// <summary>Refused (5204) when a jump or an operand does not reach.</summary>
    public static Outcome<byte[]> Assemble(Address at, Action<Assembler> write) => Assemble(at, write, static _ => { }).Then<byte[]>(stub => stub.Bytes);

    /// <summary>In two parts, the second right behind the first. Refused: 5204.</summary>
    public static Outcome<StubCode> Assemble(Address at, Action<Assembler> inLine, Action<Assembler> outOfLine)
    {
        var assembler = new Assembler(64);
        inLine(assembler);
        var instructions = assembler.Instructions.Count;
        outOfLine(assembler);
        var writer = new MemoryCodeWriter();
        if (!assembler.TryAssemble(writer, at.Value, out var error, out var result, BlockEncoderOptions.ReturnNewInstructionOffsets)) return Reasons.StubOutOfReach.With($"at {at}: {error}");
        var bytes = writer.ToArray();
        return new StubCode(bytes, instructions < assembler.Instructions.Count ? (int)result.Result[0].NewInstructionOffsets[instructions] : bytes.Length);
    }

    /// <summary>Code that is entered at several places: those of the labels that are answered. Refused: 5204.</summary>
    public static Outcome<StubCode> Assemble(Address at, Func<Assembler, Label[]> write)
    {
        var assembler = new Assembler(64);
        var labels = write(assembler);
        var writer = new MemoryCodeWriter();
        if (!assembler.TryAssemble(writer, at.Value, out var error, out var result, BlockEncoderOptions.ReturnNewInstructionOffsets)) return Reasons.StubOutOfReach.With($"at {at}: {error}");
        var bytes = writer.ToArray();
        return new StubCode(bytes, bytes.Length) { Entries = [.. labels.Select(l => (int)(result.GetLabelRIP(l) - at.Value))] };
    }

    /// <summary>A word at an absolute address, to be addressed relative to rip.</summary>
    public static MemoryOperand At(Address address) => new(Register.RIP, (long)address.Value, 8);

    /// <summary>
    /// jmp through a word. The no-track prefix spares the destinations an endbr64 where indirect branches are tracked, and means nothing elsewhere.
    /// </summary>
    public static void JumpThrough(this Assembler code, Address word)
    {
        var jump = Instruction.Create(Iced.Intel.Code.Jmp_rm64, At(word));
        jump.SegmentPrefix = Register.DS;
        code.AddInstruction(jump);
    }

    public static void LockedIncrement(this Assembler code, Address word)
    {
        var increment = Instruction.Create(Iced.Intel.Code.Inc_rm64, At(word));
        increment.HasLockPrefix = true;
        code.AddInstruction(increment);
    }

    public static void LockedAdd(this Assembler code, Address word, AssemblerRegister64 value)
    {
        var add = Instruction.Create(Iced.Intel.Code.Add_rm64_r64, At(word), value);
        add.HasLockPrefix = true;
        code.AddInstruction(add);
    }

    public static void LockedDecrement(this Assembler code, Address word)
    {
        var decrement = Instruction.Create(Iced.Intel.Code.Dec_rm64, At(word));
        decrement.HasLockPrefix = true;
        code.AddInstruction(decrement);
    }

    /// <summary>Counts one passage; keeps the flags unless they are dead.</summary>
    public static void Count(this Assembler code, Address counter, bool flagsDead)
    {
        if (!flagsDead) code.SaveFlags();
        code.LockedIncrement(counter);
        if (!flagsDead) code.RestoreFlags();
    }

    public static void SaveFlags(this Assembler code)
    {
        code.lea(rsp, __[rsp - RedZone]);
        code.pushfq();
    }

    public static void RestoreFlags(this Assembler code)
    {
        code.popfq();
        code.lea(rsp, __[rsp + RedZone]);
    }

    private sealed class MemoryCodeWriter : CodeWriter
    {
        private readonly List<byte> bytes = [];

        public override void WriteByte(byte value) => bytes.Add(value);

        public byte[] ToArray() => [.. bytes];
    }
}
