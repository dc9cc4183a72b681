using KernOpt.Live.Points;
using KernOpt.Live.Points.Punning;
using KernOpt.Target;

namespace KernOpt.Live;

public sealed partial class LiveCode
{
    /// <summary>
    /// The file of the pages that punned jumps lead to, made and not mapped yet, so that the entry that knows its number comes before the first mapping. Null where no placement
    /// needs one, or it could not be made, and those that need it are refused.
    /// </summary>
    private PlannedStones? Stones(IReadOnlyList<Placement> placements, PointsWork work)
    {
        var punned = Enumerable.Range(0, placements.Count).Where(i => work.StubsOf(i) is not null)
            .SelectMany(i => placements[i].Leads.Zip(work.StubsOf(i)!, (lead, stub) => (Index: i, Lead: lead, Stub: stub))).Where(p => p.Lead.Stone is not null).ToList();
        if (punned.Count == 0) return null;
        var pages = new StonePages(punned.Select(p => (p.Lead.Stone!.Value, p.Stub)));
        if (target.MakeStones(pages.Bytes, pages.Places.Count).Try(out var file, out var why)) return new PlannedStones(file, pages, punned.ToLookup(p => p.Lead.Page, p => p.Index));
        foreach (var i in punned.Select(p => p.Index).Distinct()) work.Refuse(i, why);
        return null;
    }

    /// <summary>A file of stepping stones, and which placements come down on which page.</summary>
    private sealed class PlannedStones(IStoneFile file, StonePages pages, ILookup<Address, int> placements) : IDisposable
    {
        public ulong Number { get; } = file.Number;

        /// <summary>Maps all pages; what leads to one that cannot be is refused.</summary>
        public void Map(PointsWork work)
        {
            foreach (var ((at, _), mapped) in pages.Places.Zip(file.Map(pages.Places)))
            {
                if (mapped.Try(out _, out var why)) continue;
                foreach (var i in placements[at].Where(i => work.StubsOf(i) is not null).Distinct()) work.Refuse(i, Reasons.PageTaken.With($"{at}: {why}"));
            }
            // What is mapped stays; the target's descriptor is not to be passed on to its children.
            file.Dispose();
        }

        public void Dispose() => file.Dispose();
    }
}
