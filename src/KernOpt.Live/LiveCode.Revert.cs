using KernOpt.Live.Regions;
using KernOpt.Live.Text;
using KernOpt.Target;

namespace KernOpt.Live;

/// <summary>
/// What a revert did. Restored: places whose original bytes were stored back. Dropped: changes whose module is no longer loaded. Draining: things whose
/// memory is kept because some thread may still be in it, or another address space shares it. Problems: what could not be put right.
/// </summary>
public sealed record RevertReport(int Restored, int Dropped, int Draining, int RegionsUnmapped, IReadOnlyList<Refusal> Problems)
{
    /// <summary>The text is the original again everywhere; memory may still be draining.</summary>
    public bool IsTextRestored => Problems.Count == 0;
}

public sealed partial class LiveCode
{
    private const int ThoroughProofs = 12;

    /// <summary>While more is to come, what is not proved at once can wait.</summary>
    private const int QuickProofs = 3;

    /// <summary>
    /// Takes out a version, a probe, a redirected call, or a redirection with all that belongs to it. The last version or probe takes its redirection
    /// along. Refused (5202) when there is nothing of this number.
    /// </summary>
    public Outcome<RevertReport> Revert(ulong id)
    {
        var report = Revert([id]);
        return report.Problems is [var only] && only.Reason == Reasons.UnknownId ? only : report;
    }

    /// <summary>The same for several at once, whose memory is proved to be left together. A number of which there is nothing is among the problems (5202).</summary>
    public RevertReport Revert(IReadOnlyCollection<ulong> ids)
    {
        lock (gate)
        {
            modules.Refresh();
            var problems = new List<Refusal>();
            var (restored, dropped) = (0, 0);
            foreach (var id in ids)
            {
                if (Find(id) is not { } found)
                {
                    problems.Add(Reasons.UnknownId.With($"{id}"));
                    continue;
                }
                var work = new RevertWork(found.Region, changes);
                work.TakeOut(found.Placed);
                problems.AddRange(work.Problems);
                (restored, dropped) = (restored + work.Restored, dropped + work.Dropped);
            }
            return Finish(problems, restored, dropped, unmapsEmpty: false);
        }
    }

    private (LiveRegion Region, PlacedEntry Placed)? Find(ulong id)
    {
        foreach (var region in regions.All)
        {
            if (region.Status is RegionStatus.Damaged or RegionStatus.OtherFormat) continue;
            if (region.Entries.FirstOrDefault(p => p.Entry.Id == id) is { } placed) return (region, placed);
        }
        return null;
    }

    /// <summary>
    /// Takes everything out, from the undo logs alone, in whatever state an earlier kernopt left them, and unmaps regions that are empty. To be called again
    /// later when something is draining.
    /// </summary>
    public RevertReport RevertAll()
    {
        lock (gate)
        {
            modules.Refresh();
            var problems = new List<Refusal>();
            var (restored, dropped) = (0, 0);
            foreach (var region in regions.All)
            {
                if (region.Status == RegionStatus.OtherFormat)
                {
                    problems.Add(Reasons.RegionOfOtherFormat.With($"{region.Range}"));
                    continue;
                }
                var work = new RevertWork(region, changes);
                work.TakeOutAll();
                problems.AddRange(work.Problems);
                restored += work.Restored;
                dropped += work.Dropped;
            }
            return Finish(problems, restored, dropped, unmapsEmpty: true);
        }
    }

    /// <summary>Releases what has drained since, and unmaps empty regions when asked to; answers how many things are still draining.</summary>
    public int Collect(bool unmapsEmpty)
    {
        lock (gate) return Finish([], 0, 0, unmapsEmpty).Draining;
    }

    private RevertReport Finish(IReadOnlyList<Refusal> problems, int restored, int dropped, bool unmapsEmpty)
    {
        var collected = reclamation.Run(unmapsEmpty, unmapsEmpty ? ThoroughProofs : QuickProofs);
        unpatched.Invalidate();
        return new RevertReport(restored + collected.Restored, dropped, collected.Draining, collected.RegionsUnmapped, [.. problems, .. collected.Problems]);
    }
}
