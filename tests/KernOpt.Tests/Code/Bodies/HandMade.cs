using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Tests.Code.Bodies;

/// <summary>Bodies and instructions made by hand.</summary>
internal static class HandMade
{
    public static readonly Address Start = new(0x400000);

    public static Function Function { get; } = new(
        new ModuleImage(new TargetModule("hand", "hand", Address.Zero, new AddressRange(Start, 1 << 20), [], true, () => Array.Empty<byte>(), _ => null), ImmutableArray<Function>.Empty),
        Start, 4096, ["hand"], FunctionOrigin.SymbolTable);

    public static FunctionBody Body(params Action<FunctionBody>[] steps)
    {
        var body = new FunctionBody(Function);
        foreach (var step in steps) step(body);
        if (body.Entries.Count == 0) body.Entries.Add(body.Order[0]);
        body.Rebuild();
        return body;
    }

    public static BodyBlock Add(FunctionBody body, Terminator end, params Instruction[] instructions)
    {
        var block = body.NewBlock();
        block.Instructions.AddRange(instructions);
        block.End = end;
        return block;
    }

    /// <summary>Decodes the first instruction of some bytes, as if it lay at the start of the function.</summary>
    public static Instruction Decode(string hex) => Decoder.Create(64, new ByteArrayCodeReader(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal))), Start.Value).Decode();

    public static Terminator Return => new Terminator.Return(Instruction.Create(Iced.Intel.Code.Retnq));

    public static Instruction[] Assemble(Action<Assembler> write)
    {
        var assembler = new Assembler(64);
        write(assembler);
        return [.. assembler.Instructions];
    }
}
