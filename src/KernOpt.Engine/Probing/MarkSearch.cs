using KernOpt.Code.Graphs;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Sessions;
using KernOpt.Live.Points;
using KernOpt.Probes;
using KernOpt.Probes.Compile;
using KernOpt.Probes.Language;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>Plans the places of a program together with those that its conditions need: the functions that threads are to be inside of, and where flags change.</summary>
internal static class MarkSearch
{
    /// <summary>Refused like <see cref="PlaceSearch"/>, (8001) where a flag is changed that nothing asks for, and (5511) where the places are not all in one module, or a flag is never set.</summary>
    public static Outcome<IReadOnlyList<PlacementPlan>> Plan(Session session, ProbeRequest request, IReadOnlyList<Place> places, ProbeProgram program, RefusalCount refusals, CancellationToken cancellation)
    {
        if (request.Sets.Concat(request.Clears).FirstOrDefault(c => !program.ThreadMarks.OfType<Flag>().Any(f => f.Name == c.Flag)) is { Flag: { } unasked })
            return Reasons.BadCommandLine.With($"--set or --clear of '{unasked}', and no condition asks for flag({unasked})");
        if (!program.ThreadMarks.Any()) return PlaceSearch.Plan(session, places, program, refusals, cancellation);
        if (program.ThreadMarks.OfType<Flag>().FirstOrDefault(f => !request.Sets.Any(s => s.Flag == f.Name)) is { } never) return Reasons.MarksApart.With($"{never}: no place sets it");
        if (!AddressesOf(session, places).Try(out var asked, out var why)) return why;
        var all = places.Concat(program.ThreadMarks.OfType<Inside>().Select(i => new Place(i.Name, i.Name, PlaceKind.Calls, 0))).ToList();
        if (!ByAddress(session, request.Sets, all).Try(out var sets, out why)) return why;
        if (!ByAddress(session, request.Clears, all).Try(out var clears, out why)) return why;
        program.Places = new MarkPlaces(asked, sets, clears);
        foreach (var inside in program.ThreadMarks.OfType<Inside>())
        {
            if (!GraphOf(session, inside).Try(out var graph, out why)) return why;
            if (!graph.Entry.Predecessors.IsEmpty) return Reasons.MarksApart.With($"{inside}: it jumps back to its first instruction");
        }
        var planned = PlaceSearch.Plan(session, all, program, refusals, cancellation);
        if (!planned.Try(out var plans, out why)) return why;
        var modules = plans.Where(p => p.Placements.Count > 0).Select(p => p.Placements[0].Graph.Function.Module.Name).Distinct().ToList();
        return modules.Count > 1 ? Reasons.MarksApart.With(string.Join(", ", modules)) : planned;
    }

    /// <summary>Why marks would not be what they are said to be (5511): a place that begins, ends or changes one has no code.</summary>
    public static Refusal? Lacking(Session session, ProbeProgram program, IReadOnlyList<PlacedPoint> placed)
    {
        var at = placed.Select(p => p.Point.At).ToHashSet();
        foreach (var change in program.Places.Sets.Concat(program.Places.Clears))
        {
            if (!at.Contains(change.Key)) return Reasons.MarksApart.With($"flag({change.First()}): its place {change.Key} took no code");
        }
        foreach (var inside in program.ThreadMarks.OfType<Inside>())
        {
            if (!GraphOf(session, inside).Try(out var graph, out var why)) return why;
            foreach (var point in FunctionExit.Of(graph).Append(new Point(graph.Entry, 0).BehindEndbr))
            {
                if (!at.Contains(point.At)) return Reasons.MarksApart.With($"{inside}: its place {point.At} took no code");
            }
        }
        return null;
    }

    private static Outcome<FunctionGraph> GraphOf(Session session, Inside inside) => session.Program.Find(inside.Name).Then(session.Parse);

    /// <summary>The places are added to all.</summary>
    private static Outcome<Lookup<Address, string>> ByAddress(Session session, IReadOnlyList<(string Flag, string Place)> changes, List<Place> all)
    {
        var changing = new List<(Address At, string Flag)>();
        foreach (var (flag, text) in changes)
        {
            if (!Place.Parse(text, name => session.Program.Find(name).IsDone).Try(out var place, out var why)) return why;
            if (!AddressesOf(session, [place]).Try(out var at, out why)) return why;
            all.Add(place);
            changing.AddRange(at.Select(a => (a, flag)));
        }
        return (Lookup<Address, string>)changing.ToLookup(a => a.At, a => a.Flag);
    }

    private static Outcome<HashSet<Address>> AddressesOf(Session session, IReadOnlyList<Place> places)
    {
        var addresses = new HashSet<Address>();
        foreach (var place in places)
        {
            if (!PlaceSearch.Functions(session, place).Try(out var functions, out var why)) return why;
            foreach (var function in functions)
            {
                if (!session.Parse(function).Try(out var graph, out _) || !place.In(graph).Try(out var points, out _)) continue;
                addresses.UnionWith(points.Select(p => p.BehindEndbr.At));
            }
        }
        return addresses;
    }
}
