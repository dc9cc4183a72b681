using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Iced.Intel;
using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>
/// Cuts traced code into basic blocks and connects them. An indirect jump without a table becomes an IndirectTailJump. Every block is made once, when all of it is known: nine tenths of what
/// the parser allocates are blocks.
/// </summary>
internal sealed class GraphBuilder(CodeTrace trace)
{
    /// <summary>A block before its predecessors are known.</summary>
    private record struct Draft(Address Start, ImmutableArray<Instruction> Instructions, BlockEnd End)
    {
        public ImmutableArray<int> Successors { get; set; } = [];
        public ImmutableArray<Address> Exits { get; set; } = [];
        public JumpTable? Table { get; set; }
    }

    private readonly List<Draft> drafts = [];

    /// <summary>Where the drafts of each piece begin in the list; in a piece they ascend by address.</summary>
    private readonly List<int> firsts = [];

    public FunctionGraph Build()
    {
        foreach (var piece in trace.Pieces)
        {
            firsts.Add(drafts.Count);
            Cut(piece);
        }
        firsts.Add(drafts.Count);
        foreach (ref var draft in CollectionsMarshal.AsSpan(drafts)) Connect(ref draft);
        var blocks = Finish();
        return new FunctionGraph(trace.Function, blocks)
        {
            EntryIndex = IndexOf(trace.Function.Start),
            LandingPads = trace.HasLandingPads ? [.. blocks.Where(b => trace.IsLandingPad(b.Start)).Select(b => b.Index)] : [],
            Calls = SortedCalls(),
        };
    }

    private ImmutableArray<CallSite> SortedCalls()
    {
        var calls = trace.Calls.ToArray();
        Array.Sort(calls, (a, b) => a.At.CompareTo(b.At));
        return ImmutableCollectionsMarshal.AsImmutableArray(calls);
    }

    private void Cut(CodePiece piece)
    {
        for (var offset = 0; offset < piece.Length;)
        {
            if (!piece.IsStart(offset))
            {
                offset++;
                continue;
            }
            var start = offset;
            var count = 0;
            BlockEnd end;
            do
            {
                ref readonly var instruction = ref piece.At(offset);
                count++;
                offset += instruction.Length;
                end = EndOf(instruction);
                if (end == BlockEnd.FallThrough && offset == piece.Length && trace.PieceAt(new Address(instruction.NextIP)) is null) end = BlockEnd.RunsOut;
            }
            while (end == BlockEnd.FallThrough && offset < piece.Length && !piece.IsLeader(offset));
            drafts.Add(new Draft(piece.Function.Start + start, Copy(piece, start, count), end));
        }
    }

    private static ImmutableArray<Instruction> Copy(CodePiece piece, int offset, int count)
    {
        var run = new Instruction[count];
        for (var i = 0; i < count; i++)
        {
            run[i] = piece.At(offset);
            offset += run[i].Length;
        }
        return ImmutableCollectionsMarshal.AsImmutableArray(run);
    }

    private BlockEnd EndOf(in Instruction instruction)
    {
        return instruction.FlowControl switch
        {
            FlowControl.ConditionalBranch => BlockEnd.Branch,
            FlowControl.UnconditionalBranch => trace.PieceAt(new Address(instruction.NearBranchTarget)) is null ? BlockEnd.TailJump : BlockEnd.Jump,
            FlowControl.IndirectBranch => trace.Tables.ContainsKey(new Address(instruction.IP)) ? BlockEnd.Table : BlockEnd.IndirectTailJump,
            FlowControl.Return => BlockEnd.Return,
            FlowControl.Exception => BlockEnd.NoReturn,
            FlowControl.Next when instruction.Mnemonic == Mnemonic.Hlt => BlockEnd.NoReturn,
            FlowControl.Call or FlowControl.IndirectCall when trace.IsDeadEnd(new Address(instruction.IP)) => BlockEnd.NoReturn,
            _ => BlockEnd.FallThrough,
        };
    }

    private void Connect(ref Draft draft)
    {
        ref readonly var last = ref draft.Instructions.ItemRef(draft.Instructions.Length - 1);
        switch (draft.End)
        {
            case BlockEnd.FallThrough:
                draft.Successors = [IndexOf(new Address(last.NextIP))];
                break;
            case BlockEnd.Jump:
                draft.Successors = [IndexOf(new Address(last.NearBranchTarget))];
                break;
            case BlockEnd.TailJump:
                draft.Exits = [new Address(last.NearBranchTarget)];
                break;
            case BlockEnd.RunsOut:
                draft.Exits = [new Address(last.NextIP)];
                break;
            case BlockEnd.Branch:
                Branch(ref draft, new Address(last.NearBranchTarget), new Address(last.NextIP));
                break;
            case BlockEnd.Table:
                draft.Table = trace.Tables[new Address(last.IP)];
                draft.Successors = [.. draft.Table.Targets.Select(IndexOf).Distinct()];
                break;
        }
    }

    private void Branch(ref Draft draft, Address target, Address next)
    {
        var (taken, not) = (Search(target), Search(next));
        draft.Successors = (taken, not) switch
        {
            ( >= 0, >= 0) => [taken, not],
            ( >= 0, _) => [taken],
            (_, >= 0) => [not],
            _ => [],
        };
        if (taken >= 0 && not >= 0) return;
        draft.Exits = (taken, not) switch
        {
            ( < 0, < 0) => [target, next],
            ( < 0, _) => [target],
            _ => [next],
        };
    }

    private int IndexOf(Address start) => Search(start) is >= 0 and var index ? index : throw new InvalidOperationException($"No block begins at {start}.");

    /// <summary>The block that begins there, or -1.</summary>
    private int Search(Address start)
    {
        var all = CollectionsMarshal.AsSpan(drafts);
        for (var piece = 0; piece < trace.Pieces.Count; piece++)
        {
            if (!trace.Pieces[piece].Contains(start)) continue;
            int low = firsts[piece], high = firsts[piece + 1] - 1;
            while (low <= high)
            {
                var middle = (low + high) / 2;
                if (all[middle].Start == start) return middle;
                if (all[middle].Start < start) low = middle + 1;
                else high = middle - 1;
            }
            return -1;
        }
        return -1;
    }

    private ImmutableArray<BasicBlock> Finish()
    {
        var predecessors = Predecessors();
        var blocks = new BasicBlock[drafts.Count];
        var all = CollectionsMarshal.AsSpan(drafts);
        for (var i = 0; i < blocks.Length; i++)
        {
            ref readonly var draft = ref all[i];
            blocks[i] = new BasicBlock(i, draft.Start, draft.Instructions, draft.End)
            {
                Successors = draft.Successors,
                Predecessors = ImmutableCollectionsMarshal.AsImmutableArray(predecessors[i]),
                Exits = draft.Exits,
                Table = draft.Table,
            };
        }
        return ImmutableCollectionsMarshal.AsImmutableArray(blocks);
    }

    /// <summary>Of each block, ascending, each once: a block that leads to another twice does so in a row.</summary>
    private int[][] Predecessors()
    {
        var all = CollectionsMarshal.AsSpan(drafts);
        var counts = new int[all.Length];
        var lasts = new int[all.Length];
        Array.Fill(lasts, -1);
        for (var i = 0; i < all.Length; i++)
        {
            foreach (var successor in all[i].Successors)
            {
                if (lasts[successor] == i) continue;
                lasts[successor] = i;
                counts[successor]++;
            }
        }
        var result = new int[all.Length][];
        for (var i = 0; i < result.Length; i++) result[i] = counts[i] == 0 ? [] : new int[counts[i]];
        Array.Clear(counts);
        for (var i = 0; i < all.Length; i++)
        {
            foreach (var successor in all[i].Successors)
            {
                var list = result[successor];
                if (counts[successor] > 0 && list[counts[successor] - 1] == i) continue;
                list[counts[successor]++] = i;
            }
        }
        return result;
    }
}
