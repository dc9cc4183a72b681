using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>Cuts traced code into basic blocks and connects them. An indirect jump without a table becomes an IndirectTailJump.</summary>
internal sealed class GraphBuilder(CodeTrace trace)
{
    private readonly List<BasicBlock> blocks = [];
    private readonly Dictionary<Address, int> indexes = [];

    public FunctionGraph Build()
    {
        foreach (var piece in trace.Pieces) Cut(piece);
        for (var i = 0; i < blocks.Count; i++) indexes.Add(blocks[i].Start, i);
        for (var i = 0; i < blocks.Count; i++) blocks[i] = Connect(blocks[i]);
        return new FunctionGraph(trace.Function, WithPredecessors())
        {
            EntryIndex = indexes[trace.Function.Start],
            LandingPads = [.. blocks.Where(b => trace.IsLandingPad(b.Start)).Select(b => b.Index)],
            Calls = [.. trace.Calls.OrderBy(c => c.At)],
        };
    }

    private void Cut(CodePiece piece)
    {
        var run = ImmutableArray.CreateBuilder<Instruction>();
        for (var offset = 0; offset < piece.Length;)
        {
            if (!piece.IsStart(offset))
            {
                offset++;
                continue;
            }
            var instruction = piece.At(offset);
            run.Add(instruction);
            offset += instruction.Length;
            var end = EndOf(instruction);
            if (end == BlockEnd.FallThrough && offset == piece.Length && trace.PieceAt(new Address(instruction.NextIP)) is null) end = BlockEnd.RunsOut;
            if (end == BlockEnd.FallThrough && offset < piece.Length && !piece.IsLeader(offset)) continue;
            blocks.Add(new BasicBlock(blocks.Count, new Address(run[0].IP), run.DrainToImmutable(), end));
        }
    }

    private BlockEnd EndOf(in Instruction instruction)
    {
        var at = new Address(instruction.IP);
        return instruction.FlowControl switch
        {
            FlowControl.ConditionalBranch => BlockEnd.Branch,
            FlowControl.UnconditionalBranch => trace.PieceAt(new Address(instruction.NearBranchTarget)) is null ? BlockEnd.TailJump : BlockEnd.Jump,
            FlowControl.IndirectBranch => trace.Tables.ContainsKey(at) ? BlockEnd.Table : BlockEnd.IndirectTailJump,
            FlowControl.Return => BlockEnd.Return,
            FlowControl.Exception => BlockEnd.NoReturn,
            FlowControl.Next when instruction.Mnemonic == Mnemonic.Hlt => BlockEnd.NoReturn,
            FlowControl.Call or FlowControl.IndirectCall when trace.IsDeadEnd(at) => BlockEnd.NoReturn,
            _ => BlockEnd.FallThrough,
        };
    }

    private BasicBlock Connect(BasicBlock block)
    {
        var last = block.Instructions[^1];
        var at = new Address(last.IP);
        var target = new Address(last.NearBranchTarget);
        switch (block.End)
        {
            case BlockEnd.FallThrough:
                return block with { Successors = [indexes[block.Close]] };
            case BlockEnd.Jump:
                return block with { Successors = [indexes[target]] };
            case BlockEnd.TailJump:
                return block with { Exits = [target] };
            case BlockEnd.RunsOut:
                return block with { Exits = [block.Close] };
            case BlockEnd.Branch:
                Address[] sides = [target, block.Close];
                return block with
                {
                    Successors = [.. sides.Where(indexes.ContainsKey).Select(s => indexes[s])],
                    Exits = [.. sides.Where(s => !indexes.ContainsKey(s))],
                };
            case BlockEnd.Table:
                var table = trace.Tables[at];
                return block with { Table = table, Successors = [.. table.Targets.Select(t => indexes[t]).Distinct()] };
            default:
                return block;
        }
    }

    private ImmutableArray<BasicBlock> WithPredecessors()
    {
        var predecessors = new List<int>?[blocks.Count];
        foreach (var block in blocks)
        {
            foreach (var successor in block.Successors)
            {
                var list = predecessors[successor] ??= [];
                if (list.Count == 0 || list[^1] != block.Index) list.Add(block.Index);
            }
        }
        var result = ImmutableArray.CreateBuilder<BasicBlock>(blocks.Count);
        for (var i = 0; i < blocks.Count; i++) result.Add(predecessors[i] is { } list ? blocks[i] with { Predecessors = [.. list] } : blocks[i]);
        return result.MoveToImmutable();
    }
}
