using Iced.Intel;
using KernOpt.Target;
using Opcode = Iced.Intel.Code;

namespace KernOpt.Code.Bodies;

/// <summary>
/// A body as a line of pieces: labels, instructions, and the fewest jumps that the order of the blocks allows.
/// <code>
///     Branch(e, taken: N, else: E), N next    =>    jne E
///     CounterBranch(loop, T, E), T too far    =>    loop 1f; jmp E; 1: jmp T
/// </code>
/// </summary>
internal sealed class PieceList
{
    private readonly BlockPlacement placement;
    private readonly IReadOnlySet<BodyBlock> farCounters;
    private readonly Dictionary<BodyBlock, LabelPiece> labels = [];
    private readonly InstructionEncoder encoder = new();

    private PieceList(FunctionBody body, IReadOnlySet<BodyBlock> farCounters)
    {
        this.farCounters = farCounters;
        placement = BlockPlacement.Of(body);
        var heads = placement.LoopHeads();
        foreach (var block in placement.Blocks) labels[block] = new LabelPiece(block, heads.Contains(block));
    }

    public List<Piece> Pieces { get; } = [];
    public List<TablePiece> Tables { get; } = [];
    public IReadOnlyList<BodyBlock> Blocks => placement.Blocks;

    public LabelPiece LabelOf(BodyBlock block) => labels[block];

    /// <summary>Counter branches of <paramref name="farCounters"/> get the form with two jumps.</summary>
    public static Outcome<PieceList> Of(FunctionBody body, IReadOnlySet<BodyBlock> farCounters)
    {
        var list = new PieceList(body, farCounters);
        return list.Fill() is { } why ? why : list;
    }

    private Refusal? Fill()
    {
        for (var i = 0; i < Blocks.Count; i++)
        {
            var block = Blocks[i];
            Pieces.Add(labels[block]);
            foreach (var instruction in block.Instructions)
            {
                if (Add(instruction) is { } why) return why;
            }
            if (AddEnd(block, i + 1 < Blocks.Count ? Blocks[i + 1] : null) is { } refusal) return refusal;
        }
        return null;
    }

    private Refusal? Add(in Instruction instruction)
    {
        if (!encoder.MeasureLength(instruction).Try(out var length, out var why)) return why;
        Pieces.Add(new InstructionPiece(instruction) { Length = length });
        return null;
    }

    private Refusal? AddEnd(BodyBlock block, BodyBlock? next)
    {
        switch (block.End)
        {
            case Terminator.Goto to:
                AddJump(TargetOf(to.To), next);
                return null;
            case Terminator.Branch branch:
                AddBranch(branch, next);
                return null;
            case Terminator.CounterBranch counter:
                return AddCounter(block, counter, next);
            case Terminator.Table { OwnTable: true } table:
                return AddTable(table) ?? Add(table.Jump);
            case Terminator.Table table:
                return Add(table.Jump);
            case Terminator.Exit exit:
                Pieces.Add(new JumpPiece(ConditionCode.None, new JumpTarget(null, exit.To)));
                return null;
            case Terminator.IndirectExit exit:
                return Add(exit.Jump);
            case Terminator.Return end:
                return Add(end.Instruction);
            case Terminator.Unreachable when block.Instructions is [.., { Mnemonic: Mnemonic.Ud2 }]:
                return null;
            case Terminator.Unreachable:
                return Add(Instruction.Create(Opcode.Ud2));
            default:
                throw new InvalidOperationException($"unknown terminator {block.End.GetType().Name}");
        }
    }

    private JumpTarget TargetOf(BodyBlock block)
    {
        var to = BlockPlacement.Resolve(block);
        return to.Block is { } inside ? new JumpTarget(labels[inside], default) : new JumpTarget(null, to.Outside);
    }

    private void AddJump(JumpTarget to, BodyBlock? next)
    {
        if (!IsNext(to, next)) Pieces.Add(new JumpPiece(ConditionCode.None, to));
    }

    private static bool IsNext(JumpTarget to, BodyBlock? next) => to.Label is { Block: { } block } && block == next;

    private void AddBranch(Terminator.Branch branch, BodyBlock? next)
    {
        var taken = TargetOf(branch.Taken);
        var otherwise = TargetOf(branch.Else);
        if (taken == otherwise)
        {
            AddJump(taken, next);
            return;
        }
        if (IsNext(taken, next))
        {
            Pieces.Add(new JumpPiece(Conditions.Negate(branch.Condition), otherwise));
            return;
        }
        Pieces.Add(new JumpPiece(branch.Condition, taken));
        AddJump(otherwise, next);
    }

    private Refusal? AddCounter(BodyBlock block, Terminator.CounterBranch counter, BodyBlock? next)
    {
        if (!encoder.MeasureLength(counter.Instruction).Try(out var length, out var why)) return why;
        var taken = TargetOf(counter.Taken);
        var otherwise = TargetOf(counter.Else);
        if (taken.Label is { } label && !farCounters.Contains(block))
        {
            Pieces.Add(new CounterPiece(counter.Instruction, block, label) { Length = length });
            AddJump(otherwise, next);
            return null;
        }
        var here = new LabelPiece(null, false);
        Pieces.Add(new CounterPiece(counter.Instruction, block, here) { Length = length });
        Pieces.Add(new JumpPiece(ConditionCode.None, otherwise));
        Pieces.Add(here);
        AddJump(taken, next);
        return null;
    }

    private Refusal? AddTable(Terminator.Table table)
    {
        if (TableAnchor.Of(table.Original, table.Jump) is not { } anchor) return Reasons.TableBaseLost.With($"jump at {table.Jump.IP:x}");
        var targets = table.Cases.Select(TargetOf).ToList();
        foreach (var other in Tables.Where(t => t.Anchor == anchor))
        {
            return other.Targets.SequenceEqual(targets) ? null : Reasons.TableBaseLost.With($"two tables at {anchor}");
        }
        Tables.Add(new TablePiece(table, anchor, targets));
        return null;
    }
}
