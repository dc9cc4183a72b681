using Iced.Intel;
using KernOpt.Target;

namespace KernOpt.Code.Bodies;

/// <summary>Where a jump goes: to a block that is laid out, or out of the body.</summary>
internal readonly record struct Destination(BodyBlock? Block, Address Outside);

/// <summary>
/// Which blocks are laid out, in which order. A block that holds nothing but a goto or an exit is passed over wherever the jump to it can
/// take its destination instead; blocks that no entry reaches are left out.
/// </summary>
internal sealed class BlockPlacement
{
    private readonly Dictionary<BodyBlock, int> position = [];

    private BlockPlacement(FunctionBody body)
    {
        var reached = new HashSet<BodyBlock>();
        var open = new Stack<BodyBlock>();
        foreach (var entry in body.Entries) Reach(entry);
        while (open.TryPop(out var block))
        {
            foreach (var successor in FunctionBody.SuccessorsOf(block.End))
            {
                if (Resolve(successor).Block is { } to) Reach(to);
            }
        }
        Blocks = [.. body.Order.Where(reached.Contains)];
        for (var i = 0; i < Blocks.Count; i++) position[Blocks[i]] = i;

        void Reach(BodyBlock block)
        {
            if (reached.Add(block)) open.Push(block);
        }
    }

    public IReadOnlyList<BodyBlock> Blocks { get; }

    public static BlockPlacement Of(FunctionBody body) => new(body);

    public int PositionOf(BodyBlock block) => position[block];

    /// <summary>Follows empty blocks to where they lead. An empty block that leads to itself stays: it is an endless loop.</summary>
    public static Destination Resolve(BodyBlock block)
    {
        var seen = new HashSet<BodyBlock>();
        while (block.Instructions.Count == 0 && seen.Add(block))
        {
            switch (block.End)
            {
                case Terminator.Goto to:
                    block = to.To;
                    break;
                case Terminator.Exit exit:
                    return new Destination(null, exit.To);
                default:
                    return new Destination(block, default);
            }
        }
        return new Destination(block, default);
    }

    /// <summary>
    /// Whether a block pays being aligned: it is the target of a jump from itself or from below (a loop's head), and, where both were measured,
    /// it runs at least eight times as often as it is fallen into.
    /// </summary>
    public IReadOnlySet<BodyBlock> LoopHeads()
    {
        var heads = new HashSet<BodyBlock>();
        foreach (var block in Blocks)
        {
            foreach (var successor in FunctionBody.SuccessorsOf(block.End))
            {
                if (Resolve(successor).Block is { } to && position[to] <= position[block] && Pays(to)) heads.Add(to);
            }
        }
        return heads;
    }

    private bool Pays(BodyBlock head)
    {
        if (position[head] == 0) return false;
        var above = Blocks[position[head] - 1];
        var isFallenInto = FunctionBody.SuccessorsOf(above.End).Any(s => Resolve(s).Block == head);
        return !isFallenInto || head.Count is not { } count || above.Count is not { } fallen || count >= 8 * fallen;
    }
}
