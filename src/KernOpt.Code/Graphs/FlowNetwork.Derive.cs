namespace KernOpt.Code.Graphs;

/// <summary>A count, and between what it must lie.</summary>
public readonly record struct FlowCount(long Count, long AtLeast, long AtMost)
{
    public static FlowCount Exactly(long count) => new(count, count, count);
}

/// <summary>
/// Counts of a function's blocks and edges; null where nothing follows from what was measured. Contradictions: how many would be less than nothing, whatever the threads did: control goes ways that the graph
/// does not show; nothing is told of those lines.
/// </summary>
public sealed record FlowCounts(IReadOnlyList<FlowCount?> Blocks, IReadOnlyList<FlowCount?> Leaving, IReadOnlyDictionary<(int From, int To), FlowCount?> Edges, int Contradictions);

public sealed partial class FlowNetwork
{
    /// <param name="measured">The meters that were counted; each count lies between two readings of its meter.</param>
    /// <param name="threads">
    /// How many threads there may be on their way between meters when all is read: at most so much is in one part of the function at one moment and was not there at another. (What is inside of a call is outside.)
    /// </param>
    public FlowCounts Derive(IReadOnlyDictionary<FlowMeter, FlowCount> measured, int threads)
    {
        var known = lines.Select(l => l.Meter >= 0 && measured.TryGetValue(meters[l.Meter], out var count) ? count : (FlowCount?)null).ToArray();
        var counts = (FlowCount?[])known.Clone();
        var contradictions = 0;
        foreach (var (line, first, last, order) in Bridges(known))
        {
            var count = Through(line, known, node => order[node] >= first && order[node] <= last, threads);
            if (count.AtMost < 0) contradictions++;
            else counts[line] = new FlowCount(Math.Clamp(count.Count, Math.Max(0, count.AtLeast), count.AtMost), Math.Max(0, count.AtLeast), count.AtMost);
        }
        return new FlowCounts([.. ofBlock.Select(b => counts[b.Enters])], [.. ofBlock.Select(b => counts[b.Leaves])],
            lines.Select((l, i) => (l.Edge, Count: counts[i])).Where(l => l.Edge is not null).ToDictionary(l => l.Edge!.Value, l => l.Count), contradictions);
    }

    /// <summary>What must flow through a line that alone connects a part of the network with the rest, but for lines that are known.</summary>
    private FlowCount Through(int line, FlowCount?[] known, Func<int, bool> isInside, int threads)
    {
        long count = 0, least = 0, most = 0;
        for (var i = 0; i < lines.Count; i++)
        {
            if (known[i] is not { } flow || isInside(lines[i].From) == isInside(lines[i].To)) continue;
            // What comes in must go out through the line, if it leads out.
            var adds = isInside(lines[i].To) == isInside(lines[line].From);
            count += adds ? flow.Count : -flow.Count;
            least += adds ? flow.AtLeast : -flow.AtMost;
            most += adds ? flow.AtMost : -flow.AtLeast;
        }
        return new FlowCount(count, least - threads, most + threads);
    }

    /// <summary>
    /// Lines that are not known and lie on no circle of such lines, and the nodes behind each: First..Last in the order in which they were found (Tarjan, 1974).
    /// </summary>
    private List<(int Line, int First, int Last, int[] Order)> Bridges(FlowCount?[] known)
    {
        var nodes = Outside + 1;
        var ways = Enumerable.Range(0, lines.Count).Where(i => known[i] is null).SelectMany(i => new[] { (lines[i].From, i), (lines[i].To, i) }).ToLookup(w => w.Item1, w => w.i);
        int[] order = Filled(nodes), low = new int[nodes], last = new int[nodes];
        var found = 0;
        var bridges = new List<(int, int, int, int[])>();
        var path = new Stack<(int Node, int Through, IEnumerator<int> Ways)>();
        for (var start = 0; start < nodes; start++)
        {
            if (order[start] >= 0) continue;
            Enter(start, -1);
            while (path.TryPeek(out var at))
            {
                if (at.Ways.MoveNext())
                {
                    var line = at.Ways.Current;
                    if (line == at.Through) continue;
                    var next = lines[line].From == at.Node ? lines[line].To : lines[line].From;
                    if (order[next] < 0) Enter(next, line);
                    else low[at.Node] = Math.Min(low[at.Node], order[next]);
                    continue;
                }
                path.Pop();
                last[at.Node] = found - 1;
                if (!path.TryPeek(out var parent)) continue;
                low[parent.Node] = Math.Min(low[parent.Node], low[at.Node]);
                if (low[at.Node] > order[parent.Node]) bridges.Add((at.Through, order[at.Node], last[at.Node], order));
            }
        }
        return bridges;

        void Enter(int node, int through)
        {
            order[node] = low[node] = found++;
            path.Push((node, through, ways[node].GetEnumerator()));
        }

        static int[] Filled(int count)
        {
            var all = new int[count];
            all.AsSpan().Fill(-1);
            return all;
        }
    }
}
