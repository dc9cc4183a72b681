using KernOpt.Live.Points.Punning;
using KernOpt.Live.Regions;
using KernOpt.Live.Text;
using KernOpt.Target;

namespace KernOpt.Live;

/// <summary>
/// Gives memory back, and padding, when it is proved that no thread is in it or will return to it; until then both stay as they are. What can be
/// proved together is proved together; otherwise the set is halved, for as many
/// proofs as the caller allows, since each looks at every thread. What belongs to one redirection is never divided: its pieces jump into each other, so that a thread
/// outside one of them may still be on its way to it.
/// </summary>
internal sealed class Reclamation(ITarget target, RegionSet regions, TextChanges changes)
{
    public readonly record struct Result(int Restored, int Draining, int RegionsUnmapped, IReadOnlyList<Refusal> Problems);

    /// <summary>Something that is draining, with the padding and the pages that lead to it.</summary>
    private sealed record Waiting(LiveRegion Region, ulong Owner, PlacedEntry? Placed, IReadOnlyList<LoggedChange> Springboards, IReadOnlyList<AddressRange> Stones);

    public Result Run(bool unmapsEmpty, int mostProofs)
    {
        var run = new Sweep(target, changes, mostProofs);
        foreach (var region in regions.All)
        {
            if (region.Status is RegionStatus.OtherFormat) continue;
            run.Sort(region);
        }
        run.ProveAndRelease();
        var unmapped = 0;
        if (unmapsEmpty)
        {
            foreach (var region in regions.All.Where(r => r.IsEmpty || run.IsLeftBehind(r)).ToList())
            {
                if (regions.Release(region)) unmapped++;
            }
        }
        var draining = regions.All.Sum(r => r.Status == RegionStatus.Usable ? r.Entries.Count(e => e.State == EntryState.Draining) : 0);
        return new Result(run.Restored, draining, unmapped, run.Problems);
    }

    private sealed class Sweep(ITarget target, TextChanges changes, int mostProofs)
    {
        private readonly List<Refusal> problems = [];
        private readonly List<Waiting> waiting = [];
        private int proofs;

        public IReadOnlyList<Refusal> Problems => problems;
        public int Restored { get; private set; }

        /// <summary>
        /// Collects what can go: entries that are draining and whose call sites and sites lead to them no more. Those of another process, or of a damaged region,
        /// only have their padding restored here.
        /// </summary>
        public void Sort(LiveRegion region)
        {
            var isOurs = region.Status == RegionStatus.Usable;
            var owned = region.Changes.ToLookup(c => c.Record.Owner);
            foreach (var placed in isOurs ? region.Entries.ToList() : [])
            {
                // Whoever prepared it was killed: an entry that we make is past this state, or gone, before anyone else can look.
                if (placed.State == EntryState.Preparing && IsCutOff(owned[placed.Entry.Id])) region.Mark(placed, EntryState.Draining);
                if (placed.State != EntryState.Draining || !IsCutOff(owned[placed.Entry.Id])) continue;
                if (StonesOf(placed).Try(out var stones, out _)) waiting.Add(new Waiting(region, placed.Entry.Id, placed, [.. owned[placed.Entry.Id].Where(c => c.Record.Kind == ChangeKind.Springboard)], stones));
            }
            var entries = isOurs ? region.Entries.Select(e => e.Entry.Id).ToHashSet() : [];
            foreach (var orphans in owned.Where(o => !entries.Contains(o.Key) && IsCutOff(o)))
                waiting.Add(new Waiting(region, orphans.Key, null, [.. orphans.Where(c => c.Record.Kind == ChangeKind.Springboard)], []));
        }

        private Outcome<IReadOnlyList<AddressRange>> StonesOf(PlacedEntry placed) => placed.Entry.Stones == 0 ? Array.Empty<AddressRange>() : target.FindStones(placed.Entry.Stones);

        public void ProveAndRelease() => Release([.. waiting.GroupBy(RedirectionOf).Select(g => g.ToList())]);

        private static (LiveRegion, ulong) RedirectionOf(Waiting one)
        {
            if (one.Placed is not { } placed) return (one.Region, one.Owner);
            var parent = placed.Entry.Type is EntryType.Redirect or EntryType.Points ? placed.Entry.Id : placed.Entry.Parent;
            // A call's parent is a version, whose parent is the redirection.
            if (placed.Entry.Type == EntryType.Call) parent = one.Region.Entries.FirstOrDefault(e => e.Entry.Id == parent)?.Entry.Parent ?? parent;
            return (one.Region, parent);
        }

        /// <summary>An inherited region to which nothing in this address space leads any more: its mapping here can go, its contents stay.</summary>
        public bool IsLeftBehind(LiveRegion region) =>
            region.Status == RegionStatus.Inherited && region.Changes.All(c => changes.Look(c.Record) is TextHolds.Original or TextHolds.ModuleGone);

        /// <summary>No store in this address space leads to the owner; its springboards may still be there.</summary>
        private bool IsCutOff(IEnumerable<LoggedChange> owned) =>
            owned.All(c => c.Record.Kind == ChangeKind.Springboard || changes.Look(c.Record) is TextHolds.Original or TextHolds.ModuleGone);

        private void Release(List<List<Waiting>> candidates)
        {
            if (candidates.Count == 0 || proofs >= mostProofs) return;
            proofs++;
            var ranges = candidates.SelectMany(c => c).SelectMany(RangesOf).ToList();
            if (ranges.Count == 0 || (target.ProveQuiescent(ranges).Try(out var quiescence, out _) && quiescence.IsProved))
            {
                foreach (var candidate in candidates.SelectMany(c => c)) Free(candidate);
                return;
            }
            if (candidates.Count == 1) return;
            Release(candidates[..(candidates.Count / 2)]);
            Release(candidates[(candidates.Count / 2)..]);
        }

        private IEnumerable<AddressRange> RangesOf(Waiting candidate)
        {
            if (candidate.Placed is { } placed && placed.Entry.Code.Length > 0) yield return candidate.Region.RangeOf(placed.Entry.Code);
            foreach (var springboard in candidate.Springboards) yield return springboard.Record.Range;
            foreach (var jump in candidate.Stones.SelectMany(JumpsOf)) yield return jump;
        }

        /// <summary>Neighbouring pages are one range.</summary>
        private IEnumerable<AddressRange> JumpsOf(AddressRange stones)
        {
            for (var page = stones.Start; page < stones.End; page += StoneRoom.PageBytes)
            {
                var bytes = new byte[StoneRoom.PageBytes];
                if (target.Read(page, bytes) < bytes.Length) yield return new AddressRange(page, StoneRoom.PageBytes);
                else foreach (var jump in StonePages.Jumps(page, bytes)) yield return jump;
            }
        }

        /// <summary>Padding and pages first, then the records, then the entry: killed in between, a later run finds the rest draining.</summary>
        private void Free(Waiting candidate)
        {
            var isOurs = candidate.Region.Status == RegionStatus.Usable;
            foreach (var springboard in candidate.Springboards)
            {
                if (!changes.Undo(candidate.Region, springboard, marks: isOurs).Try(out var held, out var why))
                {
                    problems.Add(why);
                    return;
                }
                if (held == TextHolds.Patched) Restored++;
            }
            if (!isOurs) return;
            if (candidate.Placed is { Entry.Stones: not 0 and var file } && !target.UnmapStones(file).IsDone) return;
            foreach (var change in candidate.Region.Changes.Where(c => c.Record.Owner == candidate.Owner).ToList()) candidate.Region.Free(change);
            if (candidate.Placed is { } placed) candidate.Region.Remove(placed);
        }
    }
}
