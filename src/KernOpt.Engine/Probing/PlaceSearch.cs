using System.IO.Enumeration;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Sessions;
using KernOpt.Live.Points;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>Finds the functions and points of places, and plans how to get there.</summary>
internal static class PlaceSearch
{
    /// <summary>By function, in order of address. A place by name that is refused ends the search; what a glob finds and cannot use is counted.</summary>
    public static Outcome<IReadOnlyList<PlacementPlan>> Plan(Session session, IReadOnlyList<Place> places, IPointProgram program, RefusalCount refusals, CancellationToken cancellation)
    {
        var wanted = new Dictionary<Function, List<Place>>();
        foreach (var place in places)
        {
            if (!Functions(session, place).Try(out var functions, out var why)) return why;
            foreach (var function in functions)
            {
                if (!wanted.TryGetValue(function, out var of)) wanted[function] = of = [];
                of.Add(place);
            }
        }
        var ladder = session.Live.Ladder();
        var plans = new List<PlacementPlan>();
        foreach (var (function, of) in wanted.OrderBy(w => w.Key.Start))
        {
            if (cancellation.IsCancellationRequested) return Reasons.Interrupted.With("");
            if (!Points(session, function, of, refusals).Try(out var found, out var why))
            {
                if (!of.TrueForAll(p => p.IsGlob)) return why;
                refusals.Add(why, function.DisplayName);
                continue;
            }
            var points = found.Points.Where(p => Runs(program, found.Graph, p.BehindEndbr, refusals)).ToList();
            // Words in common are taken out together, so that one call that lasts would keep all.
            var mayMoveCalls = program.LooksAtCallers || program.SharedWords > 0 ? null : PointRules.MayMoveCalls(session, found.Graph);
            var plan = ladder.Plan(found.Graph, points, PointRules.Entries(session, found.Graph), program.IsPlaceFree, mayMoveCalls);
            if (of.Exists(p => p.Kind == PlaceKind.Calls) && WhyNotTimed(session, found.Graph, found.Points.Count - points.Count, plan) is { } notTimed)
            {
                if (!of.TrueForAll(p => p.IsGlob)) return notTimed;
                refusals.Add(notTimed, function.DisplayName);
                continue;
            }
            foreach (var unplaced in plan.Unplaced) refusals.Add(unplaced.Why, function.DisplayName);
            plans.Add(plan);
        }
        return plans;
    }

    /// <summary>A function some of whose exits are not seen would look faster or slower than it is.</summary>
    private static Refusal? WhyNotTimed(Session session, FunctionGraph graph, int leftOut, PlacementPlan plan)
    {
        if (plan.Unplaced.Count > 0) return Reasons.NotTimed.With($"{graph.Function}: {plan.Unplaced[0].Why}");
        if (leftOut > 0) return Reasons.NotTimed.With($"{graph.Function}: it jumps back to its first instruction, or its exits are not like its entry");
        if (PointRules.LeftOut(session, graph, PlaceKind.Exit) is { } missing) return Reasons.NotTimed.With($"{graph.Function}: {missing}");
        return session.EntriesInto(graph).Any() ? Reasons.NotTimed.With($"{graph.Function}: other code comes in behind its first instruction") : null;
    }

    private static bool Runs(IPointProgram program, FunctionGraph graph, Point point, RefusalCount refusals)
    {
        if (program.Check(graph, point) is not { } refusal) return true;
        refusals.Add(refusal, graph.Function.DisplayName);
        return false;
    }

    private static Outcome<(FunctionGraph Graph, List<Point> Points)> Points(Session session, Function function, List<Place> places, RefusalCount refusals)
    {
        if (!session.Parse(function).Try(out var graph, out var why)) return why;
        if (PointRules.Check(session, graph) is { } refusal) return refusal;
        var points = new List<Point>();
        foreach (var place in places)
        {
            if (!place.In(graph).Try(out var found, out why)) return why;
            points.AddRange(found);
            if (PointRules.LeftOut(session, graph, place.Kind) is { } missing) refusals.Add(missing, function.DisplayName);
        }
        return (graph, points);
    }

    public static Outcome<IReadOnlyList<Function>> Functions(Session session, Place place)
    {
        if (!place.IsGlob) return session.Program.Find(place.Function).Then<IReadOnlyList<Function>>(f => new[] { f });
        var mark = place.Function.IndexOf('!');
        var (module, name) = mark < 0 ? ("*", place.Function) : (place.Function[..mark], place.Function[(mark + 1)..]);
        var found = session.Program.Modules.Where(m => Matches(module, m.Name)).SelectMany(m => m.Functions)
            .Where(f => f.Names.Any(n => Matches(name, n)) || Matches(name, f.StableName)).ToList();
        return found.Count == 0 ? Reasons.FunctionNotFound.With($"nothing matches '{place.Function}'") : found;
    }

    private static bool Matches(string glob, string name) => FileSystemName.MatchesSimpleExpression(glob, name, ignoreCase: false);
}
