using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Target;

namespace KernOpt.Live.Points;

/// <summary>A place for code of ours: before one instruction of a function, by its index in its block.</summary>
public readonly record struct Point(BasicBlock Block, int Index)
{
    public Instruction Instruction => Block.Instructions[Index];
    public Address At => new(Instruction.IP);

    /// <summary>Where code goes that is to run here: behind an endbr64, which an indirect call must find in its place and which does nothing else.</summary>
    public Point BehindEndbr => Instruction.Mnemonic == Mnemonic.Endbr64 && Index + 1 < Block.Instructions.Length ? this with { Index = Index + 1 } : this;

    public override string ToString() => $"{At}";
}
