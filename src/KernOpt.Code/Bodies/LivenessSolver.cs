using Iced.Intel;

namespace KernOpt.Code.Bodies;

/// <summary>A work list over blocks, last block first. The last argument tells what a block's end reads and what is live beyond it but in no successor.</summary>
internal sealed class LivenessSolver<TBlock>(
    IReadOnlyList<TBlock> blocks,
    Func<TBlock, IReadOnlyList<Instruction>> instructionsOf,
    Func<TBlock, IEnumerable<TBlock>> successorsOf,
    Func<TBlock, IEnumerable<TBlock>> predecessorsOf,
    Func<TBlock, (Effects Effects, LiveSet Boundary)> endOf) where TBlock : class
{
    // By reference: records would be compared by all that they hold.
    private readonly Dictionary<TBlock, LiveSet> atStart = new(blocks.Count, ReferenceEqualityComparer.Instance);
    private readonly Dictionary<TBlock, LiveSet> atEnd = new(blocks.Count, ReferenceEqualityComparer.Instance);
    private readonly Dictionary<TBlock, (LiveSet Reads, LiveSet Kills)> summaries = new(blocks.Count, ReferenceEqualityComparer.Instance);

    public EffectsOf Effects { get; init; } = RegisterEffects.Of;

    public Liveness<TBlock> Solve()
    {
        var open = new Stack<TBlock>(blocks);
        var isOpen = new HashSet<TBlock>(blocks, ReferenceEqualityComparer.Instance);
        foreach (var block in blocks)
        {
            atStart[block] = LiveSet.Empty;
            summaries[block] = Summarize(block);
        }
        while (open.TryPop(out var block))
        {
            isOpen.Remove(block);
            if (!Update(block)) continue;
            foreach (var predecessor in predecessorsOf(block))
            {
                if (isOpen.Add(predecessor)) open.Push(predecessor);
            }
        }
        return new Liveness<TBlock>(atStart, atEnd, instructionsOf, Effects);
    }

    private bool Update(TBlock block)
    {
        var (end, live) = endOf(block);
        foreach (var successor in successorsOf(block)) live |= atStart[successor];
        atEnd[block] = live = end.LiveBefore(live);
        var (reads, kills) = summaries[block];
        var start = (live - kills) | reads;
        if (start == atStart[block]) return false;
        atStart[block] = start;
        return true;
    }

    /// <summary>A block as one instruction: what it reads before writing, and what it surely overwrites.</summary>
    private (LiveSet Reads, LiveSet Kills) Summarize(TBlock block)
    {
        LiveSet reads = LiveSet.Empty, kills = LiveSet.Empty;
        var instructions = instructionsOf(block);
        for (var i = instructions.Count - 1; i >= 0; i--)
        {
            var effects = Effects(instructions[i]);
            reads = (reads - effects.Kills) | effects.Reads;
            kills |= effects.Kills;
        }
        return (reads, kills);
    }
}
