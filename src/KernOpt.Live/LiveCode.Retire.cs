using KernOpt.Live.Regions;
using KernOpt.Live.Text;
using KernOpt.Target;

namespace KernOpt.Live;

public sealed partial class LiveCode
{
    /// <summary>
    /// Brings the text of some of the points of one installation back, so that they cost nothing any more, while the others stay. Places: <see cref="Points.Placement.Stores"/>. Their code, words and
    /// padding stay with the installation, and are given back with it: a thread may still be on its way through. Answers how many stores were made, or
    /// why one of the places could not be brought back: then all others are.
    /// </summary>
    public Outcome<int> Retire(InstalledPoints points, IReadOnlySet<Address> places)
    {
        lock (gate)
        {
            modules.Refresh();
            if (points.Region.Status != RegionStatus.Usable) return WhyNotUsable(points);
            var stored = 0;
            Refusal? first = null;
            foreach (var change in points.Region.Changes.Where(c => c.Record.Kind == ChangeKind.Point && c.Record.Owner == points.Id && places.Contains(c.Record.At)).ToList())
            {
                // One that somebody else has changed since stays; the others cost nothing any more.
                if (!changes.Undo(points.Region, change, marks: true).Try(out var held, out var why)) first ??= why;
                else if (held == TextHolds.Patched) stored++;
            }
            unpatched.Invalidate();
            return first is null ? stored : first;
        }
    }
}
