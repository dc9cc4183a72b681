using System.Collections.Immutable;
using KernOpt.Code.Graphs;
using KernOpt.Engine.Probing;
using KernOpt.Engine.Sessions;
using KernOpt.Live;
using KernOpt.Target;

namespace KernOpt.Engine.Covering;

/// <summary>The marks that are set when parts of blocks are passed. What one store of the text leads to is taken out when all of it has been passed.</summary>
internal sealed class HitMarks
{
    private readonly Session session;
    private readonly Dictionary<(FunctionGraph, int, int), bool> parts = [];
    private readonly List<Lead> waiting;
    private readonly List<Refusal> problems = [];

    public HitMarks(Session session, IReadOnlyList<PlacedPoint> points)
    {
        this.session = session;
        waiting = [.. points.GroupBy(p => (p.Set.Id, p.Stores[0])).Select(g => new Lead(g.First().Set, g.First().Stores, [.. g.Select(p => new Mark(p, Key(p)))]))];
        foreach (var mark in waiting.SelectMany(l => l.Marks)) parts[mark.Part] = false;
    }

    /// <summary>Marks that have not been set.</summary>
    public int Waiting => parts.Count - Hit;

    public int Hit { get; private set; }

    /// <summary>Why text could not be brought back; it is tried again at the end.</summary>
    public IReadOnlyList<Refusal> Problems => problems;

    /// <summary>Whether a part of a block was run; null where it has no mark.</summary>
    public bool? Of(FunctionGraph graph, int block, int part) => parts.TryGetValue((graph, block, part), out var hit) ? hit : null;

    public void Look()
    {
        foreach (var mark in waiting.SelectMany(l => l.Marks).Where(m => !parts[m.Part] && m.Point.Word(0) != 0))
        {
            parts[mark.Part] = true;
            Hit++;
        }
        var done = waiting.Where(l => l.Marks.TrueForAll(m => parts[m.Part])).ToHashSet();
        if (done.Count == 0) return;
        waiting.RemoveAll(done.Contains);
        if (session.Target.State != TargetState.Alive) return;
        foreach (var set in done.GroupBy(l => l.Set))
        {
            if (!session.Live.Retire(set.Key, set.SelectMany(l => l.Stores).ToHashSet()).Try(out _, out var why) && !problems.Exists(p => p.Reason == why.Reason)) problems.Add(why);
        }
    }

    private static (FunctionGraph, int, int) Key(PlacedPoint point) => (point.Graph, point.Point.Block.Index, BlockParts.PartOf(point.Point.Block, point.Point.Index));

    private sealed record Mark(PlacedPoint Point, (FunctionGraph, int, int) Part);

    private sealed class Lead(InstalledPoints set, ImmutableArray<Address> stores, List<Mark> marks)
    {
        public InstalledPoints Set => set;
        public ImmutableArray<Address> Stores => stores;
        public List<Mark> Marks => marks;
    }
}
