using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Engine.Probing;
using KernOpt.Engine.Sessions;
using KernOpt.Live.Points;
using KernOpt.Probes;
using KernOpt.Probes.Actions;
using KernOpt.Probes.Language;
using KernOpt.Target;

namespace KernOpt.Engine.Blaming;

/// <summary>Who calls a function, where, and whether that is the function itself, or what ends with a jump to it.</summary>
internal sealed record Caller(FunctionGraph Graph, IReadOnlyList<CallSitePoints> Sites, bool IsDirect);

/// <summary>
/// How a function's time is measured. Sites: calls in it with a point on both sides; Left: those that have none. Where it has exits that jump on, or no room for a point at its entry or an
/// exit, it lasts from and to its caller.
/// </summary>
internal sealed record BreakdownPoints(FunctionGraph Graph, ProbeProgram Program, BreakdownAction Action, IReadOnlyList<PlacementPlan> Plans, IReadOnlyList<CallSitePoints> Sites, IReadOnlyList<CallSitePoints> Left)
{
    /// <summary>Instructions behind the first that may stand for the entry.</summary>
    private const int MostLater = 8;

    /// <summary>
    /// Refused where the entry and the exits cannot be held together. Code that only exceptions reach is left alone: a function that catches one and leaves from there leaves its mark behind, and
    /// is counted as lost. Calls of itself are no sites: recursion is its own time.
    /// </summary>
    /// <param name="session">Whose program it is.</param>
    /// <param name="graph">The function.</param>
    /// <param name="plain">Without the entry's place.</param>
    /// <param name="when">Which calls are meant; null for all.</param>
    /// <param name="caller">Who calls, and where, if it is of the same module.</param>
    /// <param name="exitsByJump">A jump at its end is its end.</param>
    public static Outcome<BreakdownPoints> Of(Session session, FunctionGraph graph, BreakdownAction plain, Expression? when, Caller? caller, bool exitsByJump)
    {
        if (WhyNot(session, graph) is { } refusal) return refusal;
        Refusal? why = null;
        if (!JumpsOn(graph) || when is null || exitsByJump)
        {
            foreach (var index in Entries(graph))
            {
                if (Plan(session, graph, plain with { EntryIndex = index }, when, null).Try(out var points, out why)) return points;
            }
        }
        if (caller is not { } calling) return why ?? Reasons.NotTimed.With($"{graph.Function}: it ends with jumps, and is called from another module");
        var atCaller = plain with { EndsAtCaller = true };
        foreach (var action in Entries(graph).Select(index => atCaller with { EntryIndex = index }))
        {
            if (Plan(session, graph, action, when, calling).Try(out var points, out why)) return points;
        }
        foreach (var sites in calling.IsDirect ? Beginnings(calling) : [])
        {
            if (Plan(session, graph, atCaller with { BeginsAtCaller = true }, when, calling with { Sites = sites }).Try(out var points, out why)) return points;
        }
        return why!;
    }

    private static Outcome<BreakdownPoints> Plan(Session session, FunctionGraph graph, BreakdownAction action, Expression? when, Caller? caller)
    {
        if (!ProbeProgram.Of(when, action).Try(out var program, out var why)) return why;
        var bounds = graph.Blocks.Where(b => !action.BeginsAtSites).Where(b => action.EndsAtCaller ? b.End is BlockEnd.TailJump or BlockEnd.IndirectTailJump : b.End is BlockEnd.Return or BlockEnd.TailJump or BlockEnd.IndirectTailJump)
            .Select(b => new Point(b, b.Instructions.Length - 1)).ToList();
        if (!action.BeginsAtCaller && !action.BeginsAtSites) bounds.Add(new Point(graph.Entry, action.EntryIndex));
        if (bounds.Select(p => program.Check(graph, p)).FirstOrDefault(r => r is not null) is { } refused) return refused;
        var all = CallSitePoints.In(graph).Where(s => s.Target != graph.Function.Start).ToList();
        var sites = all.Where(s => program.Check(graph, s.Before.BehindEndbr) is null && program.Check(graph, s.After.BehindEndbr) is null).ToList();
        while (true)
        {
            // What was planned for other sites is free again.
            var ladder = session.Live.Ladder();
            var plan = ladder.Plan(graph, bounds.Concat(sites.SelectMany(s => new[] { s.Before, s.After })), PointRules.Entries(session, graph), isPlaceFree: false);
            var unplaced = plan.Unplaced.Select(u => u.Point).ToHashSet();
            if (unplaced.Count > 0 && sites.Exists(s => unplaced.Contains(s.Before.BehindEndbr) || unplaced.Contains(s.After.BehindEndbr)))
            {
                sites = [.. sites.Select(s => unplaced.Contains(s.Before.BehindEndbr) ? null : unplaced.Contains(s.After.BehindEndbr) ? Later(s) : s).OfType<CallSitePoints>()];
                action = action with { Later = action.Later.SetItems(sites.Where(s => s.IsLater).Select(s => KeyValuePair.Create(s.After.At, s.At))) };
                program = ProbeProgram.Of(when, action).Value;
                sites.RemoveAll(s => program.Check(graph, s.After.BehindEndbr) is not null);
                continue;
            }
            if (plan.Unplaced.Count > 0) return Reasons.NotTimed.With($"{graph.Function}: {plan.Unplaced[0].Why}");
            var plans = new List<PlacementPlan> { plan };
            if (caller is { } from)
            {
                if (PlanCaller(session, from.Graph, from.Sites, action, program, ladder) is not { Unplaced.Count: 0 } there) return Reasons.NotTimed.With($"{graph.Function}: no point behind a call in {from.Graph.Function}");
                plans.Add(there);
            }
            return new BreakdownPoints(graph, program, action, plans, sites, [.. all.ExceptBy(sites.Select(s => s.At), s => s.At)]);
        }
    }

    /// <summary>From before the calls of a function until they are back, whatever it ended with a jump to; null where that cannot be measured.</summary>
    public static BreakdownPoints? AtCaller(Session session, FunctionGraph graph, BreakdownAction plain, Caller caller)
    {
        var action = plain with { BeginsAtCaller = true, EndsAtCaller = true };
        if (!ProbeProgram.Of(null, action).Try(out var program, out _)) return null;
        return Beginnings(caller).Select(sites => PlanCaller(session, caller.Graph, sites, action, program, session.Live.Ladder())).FirstOrDefault(p => p is { Unplaced.Count: 0 }) is { } plan
            ? new BreakdownPoints(graph, program, action, [plan], [], []) : null;
    }

    /// <summary>The call with a point behind it that takes one by itself, further behind where it must be.</summary>
    public static CallSitePoints WithRoom(Session session, FunctionGraph caller, CallSitePoints site)
    {
        var (ladder, entries) = (session.Live.Ladder(), PointRules.Entries(session, caller));
        for (var at = site; at is not null; at = Later(at))
        {
            if (ladder.RungOf(caller, at.After, entries, isPlaceFree: false, out _) is not null) return at;
        }
        return site;
    }

    /// <summary>Where a call begins that has no point of its own: calls through pointers are left out where they take no points, for then it is not seen to begin there.</summary>
    private static IReadOnlyList<CallSitePoints>[] Beginnings(Caller caller) => caller.Sites.Any(s => !s.IsIndirect) && caller.Sites.Any(s => s.IsIndirect) ? [caller.Sites, [.. caller.Sites.Where(s => !s.IsIndirect)]] : [caller.Sites];

    /// <summary>The calls that it makes alone: beside <see cref="AtCaller"/>.</summary>
    public static Outcome<BreakdownPoints> SitesOf(Session session, FunctionGraph graph, BreakdownAction plain, Expression? when) =>
        PointRules.Check(session, graph) is { } refusal ? refusal : Plan(session, graph, plain with { BeginsAtSites = true }, when, null);

    /// <summary>An instruction further behind the call, which is reached from there and nowhere else; what lies between is of the call. Null where there is none.</summary>
    private static CallSitePoints? Later(CallSitePoints site)
    {
        var (block, index) = (site.After.Block, site.After.Index);
        if (index + 1 >= block.Instructions.Length || block.Instructions[index].FlowControl != FlowControl.Next || block.Instructions[index].Mnemonic == Mnemonic.Syscall) return null;
        return CallSitePoints.IsSite(block.Instructions[index]) ? null : site with { After = new Point(block, index + 1), IsLater = true };
    }

    /// <summary>It leaves by jumps to other functions, which return for it.</summary>
    public static bool JumpsOn(FunctionGraph graph) => graph.Blocks.Any(b => b.End is BlockEnd.TailJump or BlockEnd.IndirectTailJump);

    /// <summary>Null where one cannot be measured.</summary>
    private static PlacementPlan? PlanCaller(Session session, FunctionGraph caller, IReadOnlyList<CallSitePoints> sites, BreakdownAction action, ProbeProgram program, PlacementLadder ladder)
    {
        if (PointRules.Check(session, caller) is not null) return null;
        var points = sites.Select(s => s.After).Concat(action.BeginsAtCaller ? sites.Select(s => s.Before) : []).Distinct().ToList();
        return points.Exists(p => program.Check(caller, p) is not null) ? null : ladder.Plan(caller, points, PointRules.Entries(session, caller), isPlaceFree: false);
    }

    /// <summary>The first instruction, or one behind it that comes before all calls and exits: what lies between is not measured.</summary>
    private static IEnumerable<int> Entries(FunctionGraph graph)
    {
        var instructions = graph.Entry.Instructions;
        var first = instructions[0].Mnemonic == Mnemonic.Endbr64 && instructions.Length > 1 ? 1 : 0;
        for (var index = first; index < instructions.Length && index <= first + MostLater; index++)
        {
            yield return index;
            if (instructions[index].FlowControl != FlowControl.Next || instructions[index].Mnemonic == Mnemonic.Syscall) yield break;
        }
    }

    private static Refusal? WhyNot(Session session, FunctionGraph graph)
    {
        if (PointRules.Check(session, graph) is { } refusal) return refusal;
        if (graph.Blocks.FirstOrDefault(b => b.LeavesUnseen) is { } conditional) return Reasons.ConditionalExit.With($"{graph.Function} at {new Address(conditional.Instructions[^1].IP)}");
        if (!graph.Entry.Predecessors.IsEmpty) return Reasons.NotTimed.With($"{graph.Function}: it jumps back to its first instruction");
        return session.EntriesInto(graph).Except(UnreachedCode.Of(graph, session.Live.Source).BranchTargets).Any() ? Reasons.NotTimed.With($"{graph.Function}: other code comes in behind its first instruction") : null;
    }
}
