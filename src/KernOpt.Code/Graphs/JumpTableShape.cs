using Iced.Intel;
using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>
/// What an indirect jump looks like. IsTable: it reads its target out of an array, so that it may be a jump table; Table is the array's address,
/// when it is known, Index the 64-bit register that counts entries at Load. Base, when present, is the instruction that made the address.
/// </summary>
internal sealed record JumpTableShape(bool IsTable)
{
    public static readonly JumpTableShape None = new(false);

    /// <summary>Reads an array, but which one is not known.</summary>
    public static readonly JumpTableShape Unknown = new(true);

    public JumpTableKind Kind { get; init; }
    public Address? Table { get; init; }
    public Register Index { get; init; }
    public CodePlace Load { get; init; }
    public Address? Base { get; init; }
}

/// <summary>
/// Recognises jump tables by where the jump's target comes from, wherever a compiler has put the parts:
///     jmp [T+i*8]                                  mov r,[b+i*8] ... jmp r                   absolute
///     lea b,[rip+T] ... movsxd r,[b+i*4] ... add r,b ... jmp r                               relative to the table
/// </summary>
internal sealed class JumpTableMatcher(FunctionGraph graph, AbiRegisterUse effects)
{
    private readonly ReachingDefinitions definitions = new(graph, effects);

    public JumpTableShape Match(CodePlace jump)
    {
        var instruction = definitions.At(jump);
        if (instruction.Op0Kind == OpKind.Memory) return MatchAbsolute(instruction, jump, [jump]);
        var sources = definitions.Of(instruction.Op0Register.GetFullRegister(), jump, out var incoming);
        if (sources is [var only] && !incoming) return MatchSource(only);
        return sources.Any(s => MatchSource(s).IsTable) ? JumpTableShape.Unknown : JumpTableShape.None;
    }

    private JumpTableShape MatchSource(CodePlace place)
    {
        var source = definitions.At(place);
        return source.Code switch
        {
            Iced.Intel.Code.Mov_r64_rm64 when source.Op1Kind == OpKind.Memory => MatchAbsolute(source, place, [place]),
            Iced.Intel.Code.Add_r64_rm64 or Iced.Intel.Code.Add_rm64_r64 when source.Op0Kind == OpKind.Register => MatchRelative(source, place),
            _ => JumpTableShape.None,
        };
    }

    private JumpTableShape MatchAbsolute(in Instruction load, CodePlace at, ReadOnlySpan<CodePlace> users)
    {
        if (load.MemoryIndex == Register.None || load.SegmentPrefix is Register.FS or Register.GS) return JumpTableShape.None;
        if (load.MemoryIndexScale != 8 || !load.MemoryIndex.IsGPR64()) return JumpTableShape.Unknown;
        var shape = new JumpTableShape(true) { Kind = JumpTableKind.Absolute, Index = load.MemoryIndex, Load = at };
        if (load.MemoryBase == Register.None) return shape with { Table = new Address(load.MemoryDisplacement64) };
        if (ConstantOf(load.MemoryBase, at, users, out var baseAt) is not { } table) return JumpTableShape.Unknown;
        return load.MemoryDisplacement64 == 0
            ? shape with { Table = table, Base = baseAt }
            : shape with { Table = table + load.MemoryDisplacement64 };
    }

    private JumpTableShape MatchRelative(in Instruction add, CodePlace at)
    {
        return MatchRelative(add.Op0Register, add.Op1Register, at) ?? MatchRelative(add.Op1Register, add.Op0Register, at) ?? JumpTableShape.None;
    }

    private JumpTableShape? MatchRelative(Register entry, Register origin, CodePlace add)
    {
        if (entry == Register.None || origin == Register.None) return null;
        if (definitions.OnlyOneOf(entry, add) is not { } load) return null;
        var instruction = definitions.At(load);
        if (instruction.Code != Iced.Intel.Code.Movsxd_r64_rm32 || instruction.Op1Kind != OpKind.Memory) return null;
        if (instruction.MemoryIndexScale != 4 || !instruction.MemoryIndex.IsGPR64() || instruction.MemoryDisplacement64 != 0) return JumpTableShape.Unknown;
        if (ConstantOf(instruction.MemoryBase, load, [load, add], out var baseAt) is not { } table) return JumpTableShape.Unknown;
        if (ConstantOf(origin, add, [load, add], out var originAt) != table) return JumpTableShape.Unknown;
        return new JumpTableShape(true)
        {
            Kind = JumpTableKind.RelativeToTable,
            Table = table,
            Index = instruction.MemoryIndex,
            Load = load,
            Base = baseAt == originAt ? originAt : null,
        };
    }

    /// <summary>
    /// The constant that the register holds, by whichever of several lea or mov it comes. From: the one such instruction, when its value has no
    /// other readers.
    /// </summary>
    private Address? ConstantOf(Register register, CodePlace before, ReadOnlySpan<CodePlace> readers, out Address? from)
    {
        from = null;
        if (!register.IsGPR64()) return null;
        var sources = definitions.Of(register, before, out var incoming);
        if (incoming || sources.Count == 0) return null;
        Address? constant = null;
        foreach (var source in sources)
        {
            if (ConstantMadeBy(definitions.At(source)) is not { } made || (constant is { } other && made != other)) return null;
            constant = made;
        }
        if (sources is [var only] && definitions.IsReadOnlyBy(only, register, readers)) from = new Address(definitions.At(only).IP);
        return constant;
    }

    private static Address? ConstantMadeBy(in Instruction instruction) => instruction.Code switch
    {
        Iced.Intel.Code.Lea_r64_m when instruction.IsIPRelativeMemoryOperand => new Address(instruction.IPRelativeMemoryAddress),
        Iced.Intel.Code.Mov_r32_imm32 or Iced.Intel.Code.Mov_r64_imm64 or Iced.Intel.Code.Mov_rm64_imm32 => new Address(instruction.GetImmediate(1)),
        _ => null,
    };
}
