using KernOpt.Code.Bodies;

namespace KernOpt.Optimize.Layout;

/// <summary>
/// In how many loops a block lies. A loop is what reaches the source of a retreating edge without passing its target (the natural loop, where the graph is
/// reducible); loops with one head count once. Only an estimate of frequency hangs on it.
/// </summary>
internal sealed class LoopDepths
{
    private readonly Dictionary<BodyBlock, HashSet<BodyBlock>> headsOf = [];

    public static LoopDepths Of(FunctionBody body)
    {
        var depths = new LoopDepths();
        foreach (var edge in RetreatingEdges(body)) depths.Mark(body, edge);
        return depths;
    }

    /// <summary>The number of loops that hold both ends.</summary>
    public int Of(BodyEdge edge) =>
        headsOf.TryGetValue(edge.Source, out var source) && headsOf.TryGetValue(edge.Target, out var target) ? source.Count(target.Contains) : 0;

    private void Mark(FunctionBody body, BodyEdge back)
    {
        Add(back.Target, back.Target);
        var work = new Stack<BodyBlock>([back.Source]);
        while (work.TryPop(out var block))
        {
            if (!Add(block, back.Target)) continue;
            foreach (var edge in body.Flow.InEdges(block)) work.Push(edge.Source);
        }
    }

    private bool Add(BodyBlock block, BodyBlock head)
    {
        if (!headsOf.TryGetValue(block, out var heads)) headsOf[block] = heads = [];
        return heads.Add(head);
    }

    /// <summary>Edges to a block that is on the path of the depth-first search.</summary>
    private static List<BodyEdge> RetreatingEdges(FunctionBody body)
    {
        var found = new List<BodyEdge>();
        var (onPath, seen) = (new HashSet<BodyBlock>(), new HashSet<BodyBlock>());
        var path = new Stack<(BodyBlock Block, Queue<BodyEdge> Open)>();
        foreach (var entry in body.Entries)
        {
            Enter(entry);
            while (path.TryPeek(out var top))
            {
                if (!top.Open.TryDequeue(out var edge))
                {
                    onPath.Remove(top.Block);
                    path.Pop();
                }
                else if (onPath.Contains(edge.Target)) found.Add(edge);
                else Enter(edge.Target);
            }
        }
        return found;

        void Enter(BodyBlock block)
        {
            if (!seen.Add(block)) return;
            onPath.Add(block);
            path.Push((block, new Queue<BodyEdge>(body.Flow.OutEdges(block))));
        }
    }
}
