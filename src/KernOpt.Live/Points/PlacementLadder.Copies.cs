using KernOpt.Live.Points.Copying;
using KernOpt.Target;

namespace KernOpt.Live.Points;

public sealed partial class PlacementLadder
{
    /// <summary>Places that were found for others of the function are given up for a part that serves those as well, as often as this, and as long as it has no more points than that.</summary>
    private const int MostRounds = 4, MostPointsOfPart = 64;

    private static bool Never() => false;

    /// <summary>
    /// The last rung, for the points that are left of one function when all others have their places. Whoever passes the part meets the points of the function that lie in it, so those that have places there
    /// get their code in it instead. Answers the points that are left even so.
    /// </summary>
    private IReadOnlyList<UnplacedPoint> Copies(PlacementContext context, IReadOnlyList<Point> points, Func<bool> mayMoveCalls, List<Placement> placements)
    {
        var unplaced = new List<UnplacedPoint>();
        foreach (var point in points)
        {
            var around = context.With(planned);
            if (Copy(around, [point], mayMoveCalls, out var obstacle) is { } copy)
            {
                placements.Add(copy);
                ClaimText(copy, planned);
            }
            else if (!Replace(context, placements, point, mayMoveCalls)) unplaced.Add(new UnplacedPoint(point, WhyNot(around, point, obstacle)));
        }
        return unplaced;
    }

    /// <summary>A part that serves the point together with those whose places are in its way, which it replaces; false, and all is as it was, where there is none.</summary>
    private bool Replace(PlacementContext context, List<Placement> placements, Point point, Func<bool> mayMoveCalls)
    {
        var given = new List<Placement>();
        for (var round = 0; round < MostRounds; round++)
        {
            List<Point> points = [point, .. given.SelectMany(p => p.AskedPoints)];
            if (points.Count > MostPointsOfPart) break;
            if (given.Count > 0)
            {
                var others = Planned(placements.Except(given));
                if (Copy(context.With(others), points, mayMoveCalls, out _) is { } copy)
                {
                    placements.RemoveAll(given.Contains);
                    placements.Add(copy);
                    ClaimText(copy, others);
                    planned = others;
                    return true;
                }
            }
            // What it would be if the function had no other place.
            if (Copy(context.With(taken), points, mayMoveCalls, out _) is not { } wanted) break;
            GiveBackStones(wanted);
            var text = new TakenText([]);
            ClaimText(wanted, text);
            var inTheWay = placements.Except(given).Where(p => p.AllClaimed.Any(text.Overlaps)).ToList();
            if (inTheWay.Count == 0) break;
            foreach (var placement in inTheWay) GiveBackStones(placement);
            given.AddRange(inTheWay);
        }
        foreach (var placement in given) TakeStones(placement);
        return false;
    }

    private TakenText Planned(IEnumerable<Placement> placements)
    {
        var text = new TakenText(taken);
        foreach (var placement in placements) ClaimText(placement, text);
        return text;
    }

    /// <summary>What it claims of the room for stones is taken, of the text nothing yet. Moving no call is better, wherever that is possible.</summary>
    private Placement? Copy(PlacementContext context, IReadOnlyList<Point> points, Func<bool> mayMoveCalls, out string obstacle) =>
        CopyOf(context, points, Never, out obstacle) ?? (mayMoveCalls() ? CopyOf(context, points, mayMoveCalls, out obstacle) : null);

    private Placement? CopyOf(PlacementContext context, IReadOnlyList<Point> points, Func<bool> mayMoveCalls, out string obstacle)
    {
        var chosen = new List<Placement>();
        var with = context.MoreTaken();
        var planner = new CopyPlanner(context, context.With(with), Choose, mayMoveCalls);
        var part = planner.Plan(points);
        obstacle = planner.Obstacle;
        if (part is not null) return new Placement(Rung.Copy, context.Graph, part.Points[0].Block, part.Points[0].Index, [.. Enumerable.Repeat(part.Points[0].Index, part.Points.Length)]) { Part = part };
        foreach (var lead in chosen) GiveBackStones(lead);
        return null;

        void Choose(Placement lead)
        {
            chosen.Add(lead);
            ClaimText(lead, with);
            TakeStones(lead);
        }
    }

    private void TakeStones(Placement placement)
    {
        foreach (var lead in placement.Leads.Where(l => l.Stone is not null)) room.Take(lead.Stone!.Value);
    }

    private void GiveBackStones(Placement placement)
    {
        foreach (var lead in placement.Leads.Where(l => l.Stone is not null)) room.GiveBack(lead.Stone!.Value);
    }

    private static void ClaimText(Placement placement, TakenText text)
    {
        foreach (var range in placement.AllClaimed) text.Add(range);
        foreach (var lead in placement.Leads)
        {
            if (lead.Springboard is { } springboard) text.Add(new AddressRange(springboard, PlacementContext.JumpBytes));
            foreach (var hop in lead.Hops) text.Add(new AddressRange(hop, PlacementContext.ShortJumpBytes));
        }
    }
}
