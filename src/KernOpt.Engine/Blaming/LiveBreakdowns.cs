using System.Collections.Immutable;
using System.Diagnostics;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Sessions;
using KernOpt.Probes.Actions;
using KernOpt.Probes.Language;
using KernOpt.Target;

namespace KernOpt.Engine.Blaming;

/// <summary>Measures functions of a live target, one at a time: probes in, a window of equal slices, probes out. The session must have claimed the target.</summary>
internal sealed class LiveBreakdowns(Session session, int threadNumberOffset, TimeSpan step, RefusalCount refusals, IProgress<string> progress) : IBreakdowns
{
    private const int Slices = 10;

    private readonly CalleeNames names = new(session);

    public async Task<Outcome<Breakdown>> MeasureAsync(BreakdownRequest request, CancellationToken cancellation)
    {
        if (!Plan(request).Try(out var plan, out var why)) return why;
        var (points, around) = plan;
        using var inner = new MeasuredFunction(session, points, refusals);
        using var outer = around is null ? null : new MeasuredFunction(session, around, refusals);
        List<MeasuredFunction> all = outer is null ? [inner] : [inner, outer];
        foreach (var measured in all)
        {
            if (!measured.Install(cancellation).Try(out _, out why)) return why;
        }
        progress.Report($"{request.Callee}: {points.Sites.Count} calls for {step.TotalSeconds:0.###} s");
        all.ForEach(m => m.Look());
        var clock = Stopwatch.StartNew();
        for (var slice = 1; slice <= Slices && !cancellation.IsCancellationRequested && session.Target.State == TargetState.Alive; slice++)
        {
            await Pause.For(step * slice / Slices - clock.Elapsed, cancellation).ConfigureAwait(false);
            all.ForEach(m => m.Look());
        }
        var seconds = clock.Elapsed.TotalSeconds;
        all.ForEach(m => m.End(seconds));
        var notes = new List<string>();
        foreach (var measured in all) notes.AddRange(await measured.Probes.RemoveAsync(cancellation).ConfigureAwait(false));
        var parts = Parts(inner, points);
        if (outer is not null && !points.Action.BeginsAtSites) parts.Add(Behind(points.Graph, inner, outer));
        return new Breakdown(seconds, (outer ?? inner).Calls, (outer ?? inner).Inside(), parts, [.. Unmeasured(points, outer is not null).Distinct()], (points.Action.BeginsAtSites ? outer! : inner).Lost, all.Sum(m => m.Probes.Points.Count), notes);
    }

    /// <summary>The second is there for a function whose end is not seen, or is a jump, and that is called from another module: it lasts until its caller has control again.</summary>
    private Outcome<(BreakdownPoints Points, BreakdownPoints? Around)> Plan(BreakdownRequest request)
    {
        if (!Parse(request.Callee).Try(out var graph, out var why)) return why;
        var action = new BreakdownAction(threadNumberOffset, graph.Function.Start, 0) { Adopts = request.Adopts };
        if (request.CalledFrom is not { } calledFrom) return With(BreakdownPoints.Of(session, graph, action, null, null, exitsByJump: true), null);
        if (!Parse(calledFrom).Try(out var from, out why)) return why;
        // Its split-off parts call, too.
        var ranges = from.Blocks.Select(b => session.Program.FunctionAt(b.Start)?.Range).OfType<AddressRange>().Append(from.Function.Range).Distinct();
        var when = ranges.Select(r => (Expression)new CalledFrom(calledFrom.Name, r)).Aggregate((a, b) => new BinaryOperation(BinaryOperator.Or, a, b));
        var sites = CallSitePoints.In(from).Where(s => s.IsIndirect || (s.Target is { } target && names.At(target) == request.Via)).Select(s => BreakdownPoints.WithRoom(session, from, s)).ToList();
        action = action with { Later = sites.Where(s => s.IsLater).ToImmutableDictionary(s => s.After.At, s => s.At) };
        var caller = sites.Count == 0 || from == graph ? null : new Caller(from, sites, request.Via == request.Callee);
        var isNear = from.Function.Module == graph.Function.Module;
        if (isNear || !BreakdownPoints.JumpsOn(graph))
        {
            var alone = BreakdownPoints.Of(session, graph, action, when, isNear ? caller : null, exitsByJump: false);
            if (alone.IsDone || caller is not { IsDirect: true }) return With(alone, null);
        }
        if (caller is not { IsDirect: true } || BreakdownPoints.AtCaller(session, graph, action, caller) is not { } around)
            return Reasons.NotTimed.With($"{graph.Function}: its end is not seen, and no point is before and behind each call of it in {from.Function}");
        var inside = BreakdownPoints.Of(session, graph, action, when, null, exitsByJump: true);
        return With(inside.IsDone ? inside : BreakdownPoints.SitesOf(session, graph, action, when), around);

        static Outcome<(BreakdownPoints, BreakdownPoints?)> With(Outcome<BreakdownPoints> points, BreakdownPoints? around) => points.Then<(BreakdownPoints, BreakdownPoints?)>(p => (p, around));
    }

    /// <summary>What is left of the time of whole calls is of what the function ended with a jump to, named where that is one.</summary>
    private BreakdownPart Behind(FunctionGraph graph, MeasuredFunction inner, MeasuredFunction outer)
    {
        var targets = graph.Blocks.Where(b => b.End == BlockEnd.TailJump).SelectMany(b => b.Exits).Select(names.At).Distinct().ToList();
        var only = targets.Count == 1 && graph.Blocks.All(b => b.End != BlockEnd.IndirectTailJump) ? targets[0] : CalleeNames.Pointer($"the end of {graph.Function.DisplayName}", graph.Function.Start);
        return new BreakdownPart(only, true, outer.Calls, [.. outer.Inside().Zip(inner.Inside(), (all, own) => all - own)]);
    }

    private Outcome<FunctionGraph> Parse(Callee callee) =>
        session.Program.FunctionAt(new Address(callee.Id)) is { } function ? session.Parse(function) : Reasons.FunctionNotFound.With($"{callee}");

    /// <summary>Calls that take no probe; and what a function ends with jumps to where nobody knows when that is over.</summary>
    private IEnumerable<string> Unmeasured(BreakdownPoints points, bool isWhole)
    {
        foreach (var site in points.Left) yield return $"{Of(site, null, points.Graph)}";
        if (points.Action.EndsAtCaller || (isWhole && !points.Action.BeginsAtSites)) yield break;
        foreach (var target in points.Graph.Blocks.Where(b => b.End == BlockEnd.TailJump).SelectMany(b => b.Exits)) yield return $"{names.At(target)} (jumped to at its end)";
        if (points.Graph.Blocks.Any(b => b.End == BlockEnd.IndirectTailJump)) yield return "(jumps through pointers at its end)";
    }

    private List<BreakdownPart> Parts(MeasuredFunction measured, BreakdownPoints points)
    {
        var byPlace = points.Sites.ToDictionary(s => s.At);
        return [.. measured.Parts().Where(p => byPlace.ContainsKey(p.Site) || p.Site == Address.Zero)
            .GroupBy(p => (Callee: p.Site == Address.Zero ? Jumped(p.Target, points.Graph) : Of(byPlace[p.Site], p.Target, points.Graph), IsTail: p.Site == Address.Zero))
            .Select(g => new BreakdownPart(g.Key.Callee, g.Key.IsTail, g.Sum(p => p.Calls), [.. Enumerable.Range(0, g.First().Seconds.Count).Select(i => g.Sum(p => p.Seconds[i]))]))
            .Where(p => p.Calls > 0 || p.Seconds.Any(s => s > 0))];
    }

    private Callee Jumped(Address? target, FunctionGraph graph) => target is { } to ? names.At(to) : CalleeNames.Pointer($"the end of {graph.Function.DisplayName}", graph.Function.Start);

    private Callee Of(CallSitePoints site, Address? target, FunctionGraph graph)
    {
        if (site.IsSystemCall) return CalleeNames.SystemCall(site.Number);
        if ((target ?? site.Target) is { } address) return names.At(address);
        return CalleeNames.Pointer(graph.Function.NameOf(site.At), site.At);
    }
}
