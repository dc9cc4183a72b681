using Iced.Intel;

namespace KernOpt.Code.Graphs;

/// <summary>A place in a graph: before the instruction at Index of the block, or at the block's end when Index is the count.</summary>
internal readonly record struct CodePlace(int Block, int Index);

/// <summary>Where the value of a register may come from and where it may go, over all paths of a graph.</summary>
internal sealed class ReachingDefinitions(FunctionGraph graph, AbiRegisterUse effects)
{
    public Instruction At(CodePlace place) => graph.Blocks[place.Block].Instructions[place.Index];

    /// <summary>
    /// The instructions whose write of the register may reach the place. Incoming: the value that the function, or one of its landing pads, was entered with may reach it too.
    /// </summary>
    public List<CodePlace> Of(Register full, CodePlace before, out bool incoming)
    {
        incoming = false;
        var found = new List<CodePlace>();
        var seen = new HashSet<int>();
        var open = new Stack<CodePlace>([before]);
        while (open.TryPop(out var place))
        {
            if (LastWrite(full, place) is { } write)
            {
                if (!found.Contains(write)) found.Add(write);
                continue;
            }
            var block = graph.Blocks[place.Block];
            incoming |= graph.IsEntered(block);
            foreach (var predecessor in block.Predecessors)
            {
                if (seen.Add(predecessor)) open.Push(new CodePlace(predecessor, graph.Blocks[predecessor].Instructions.Length));
            }
        }
        return found;
    }

    /// <summary>The only definition that reaches the place, or null when there are several or the function's caller gave the value.</summary>
    public CodePlace? OnlyOneOf(Register full, CodePlace before) =>
        Of(full, before, out var incoming) is [var one] && !incoming ? one : null;

    /// <summary>
    /// Every instruction of the function that may read what the definition wrote is one of those allowed. That the register still holds it at a
    /// call or a return does not count: it is asked of the addresses of tables that a compiler made, which are nobody's argument or result.
    /// </summary>
    public bool IsReadOnlyBy(CodePlace definition, Register full, ReadOnlySpan<CodePlace> allowed)
    {
        var seen = new HashSet<int>();
        var open = new Stack<CodePlace>([definition with { Index = definition.Index + 1 }]);
        while (open.TryPop(out var place))
        {
            var block = graph.Blocks[place.Block];
            var isOver = false;
            for (var i = place.Index; i < block.Instructions.Length && !isOver; i++)
            {
                var instruction = block.Instructions[i];
                if (effects.Reads(instruction, full) && !allowed.Contains(new CodePlace(block.Index, i))) return false;
                isOver = effects.Writes(instruction, full);
            }
            if (isOver) continue;
            foreach (var successor in block.Successors)
            {
                if (seen.Add(successor)) open.Push(new CodePlace(successor, 0));
            }
        }
        return true;
    }

    private CodePlace? LastWrite(Register full, CodePlace before)
    {
        var instructions = graph.Blocks[before.Block].Instructions;
        for (var i = before.Index - 1; i >= 0; i--)
        {
            if (effects.Writes(instructions[i], full)) return new CodePlace(before.Block, i);
        }
        return null;
    }
}
