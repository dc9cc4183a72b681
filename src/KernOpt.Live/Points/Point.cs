using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Target;

namespace KernOpt.Live.Points;

/// <summary>A place for code of ours: before one instruction of a function, by its index in its block.</summary>
public readonly record struct Point(BasicBlock Block, int Index)
{
    public Instruction Instruction => Block.Instructions[Index];
    public Address At => new(Instruction.IP);

    public override string ToString() => $"{At}";
}
