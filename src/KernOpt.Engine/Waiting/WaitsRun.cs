using System.Diagnostics;
using KernOpt.Code.Graphs;
using KernOpt.Engine.Probing;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Live.Points;
using KernOpt.Probes;
using KernOpt.Probes.Actions;
using KernOpt.Target;

namespace KernOpt.Engine.Waiting;

/// <summary>How long threads wait for locks, by lock and by caller.</summary>
public static class WaitsRun
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100), Clock = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// Claims the target. Ended early it answers what was seen until then. Least: shorter calls are counted and not taken for waits, at most a second. Refused when nothing that waits can be
    /// measured.
    /// </summary>
    public static async Task<Outcome<WaitsReport>> RunAsync(Session session, TimeSpan time, TimeSpan least, IProgress<string> progress, CancellationToken cancellation)
    {
        if (!session.Change().Try(out _, out var why)) return why;
        if (!session.Target.FindThreadNumberOffset().Try(out var offset, out why)) return why;
        Leftovers.TakeOutPoints(session);
        var ticksPerSecond = await TicksPerSecondAsync(session, cancellation).ConfigureAwait(false);
        var program = ProbeProgram.Of(null, new WaitAction(offset, (int)Math.Min(int.MaxValue, least.TotalSeconds * ticksPerSecond))).Value;
        var refusals = new RefusalCount();
        progress.Report("looking for what waits");
        var kinds = new Dictionary<Address, string>();
        var ladder = session.Live.Ladder();
        var plans = Functions(session, program, ladder, refusals, kinds, cancellation).Concat(Futexes(session, program, ladder, refusals, kinds, cancellation)).ToList();
        using var probes = new PlacedProbes(session, program, $"{program.Action}", refusals, progress);
        probes.Install(plans, cancellation);
        if (cancellation.IsCancellationRequested) return Reasons.Interrupted.With("");
        if (probes.Points.Count == 0) return Reasons.NothingWaits.With(string.Join(", ", refusals.Rows().Select(r => r.Detail)));
        var from = Seen.Of(probes);
        var seconds = await probes.WatchAsync(time, Look, () => { }, cancellation).ConfigureAwait(false);
        var to = Seen.Of(probes);
        var now = session.Target.ReadTimeStamp();
        var open = probes.Sets.SelectMany(s => WaitAction.ReadOpen(s.SharedWord)).Where(o => o.Since < now && (now - o.Since) / ticksPerSecond >= least.TotalSeconds).ToList();
        var report = new WaitTables(session, kinds, ticksPerSecond, seconds).Report(session.Target.Name, least, from, to, open.ConvertAll(o => (new Address(o.What), (now - o.Since) / ticksPerSecond)), probes);
        var notes = await probes.RemoveAsync(cancellation).ConfigureAwait(false);
        return report with { Refusals = refusals.Rows(), Notes = notes };
    }

    private static async Task<double> TicksPerSecondAsync(Session session, CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        var from = session.Target.ReadTimeStamp();
        await Pause.For(Clock, cancellation).ConfigureAwait(false);
        return (session.Target.ReadTimeStamp() - from) / clock.Elapsed.TotalSeconds;
    }

    private static IEnumerable<PlacementPlan> Functions(Session session, ProbeProgram program, PlacementLadder ladder, RefusalCount refusals, Dictionary<Address, string> kinds, CancellationToken cancellation)
    {
        var slow = new HashSet<Address>();
        foreach (var (function, kind) in WaitingFunctions.Find(session))
        {
            if (cancellation.IsCancellationRequested) yield break;
            if (!session.Parse(function).Try(out var graph, out var why) || !Check(session, graph, program).Try(out _, out why))
            {
                refusals.Add(why, function.DisplayName);
                continue;
            }
            var slowParts = SlowPartsOf(session, graph, program);
            var ends = graph.Blocks.Where(b => b.End == BlockEnd.Return || (slowParts.Count == 0 && b.End is BlockEnd.TailJump or BlockEnd.IndirectTailJump)).Select(b => new Point(b, b.Instructions.Length - 1));
            var plan = ladder.Plan(graph, ends.Prepend(new Point(graph.Entry, 0)), PointRules.Entries(session, graph), isPlaceFree: false);
            var parts = slowParts.Where(p => !slow.Contains(p.Function.Start)).Select(p => ladder.Plan(p, Returns(p), PointRules.Entries(session, p), isPlaceFree: false)).ToList();
            if (parts.Prepend(plan).SelectMany(p => p.Unplaced).FirstOrDefault() is { } unplaced)
            {
                refusals.Add(Reasons.NotTimed.With($"{graph.Function}: {unplaced.Why}"), function.DisplayName);
                continue;
            }
            kinds[function.Start] = kind;
            slow.UnionWith(slowParts.Select(p => p.Function.Start));
            foreach (var part in slowParts) kinds.TryAdd(part.Function.Start, kind);
            yield return plan;
            foreach (var part in parts) yield return part;
        }
    }

    private static IEnumerable<Point> Returns(FunctionGraph graph) => graph.Blocks.Where(b => b.End == BlockEnd.Return).Select(b => new Point(b, b.Instructions.Length - 1));

    /// <summary>
    /// What the function ends with jumps to: that waits, and returns for it. None where one of them cannot be measured: then the jump is the end. (__new_sem_wait_slow64, __pthread_mutex_lock_full.)
    /// </summary>
    private static List<FunctionGraph> SlowPartsOf(Session session, FunctionGraph graph, ProbeProgram program)
    {
        var parts = new List<FunctionGraph>();
        foreach (var target in graph.Blocks.Where(b => b.End is BlockEnd.TailJump or BlockEnd.IndirectTailJump).SelectMany(b => b.Exits.DefaultIfEmpty(Address.Zero)).Distinct())
        {
            if (session.Program.FunctionAt(target) is not { } function || function.Start != target || function.Module != graph.Function.Module) return [];
            if (!session.Parse(function).Try(out var part, out _) || PointRules.Check(session, part) is not null || LeavesOtherwise(part)) return [];
            if (Returns(part).Any(p => program.Check(part, p) is not null)) return [];
            parts.Add(part);
        }
        return parts;

        static bool LeavesOtherwise(FunctionGraph part) => part.Blocks.Any(b => b.End is BlockEnd.TailJump or BlockEnd.IndirectTailJump || b.LeavesUnseen);
    }

    /// <summary>Entry and all exits, or nothing. Code that only exceptions reach (a cancelled thread) is left alone.</summary>
    private static Outcome<Done> Check(Session session, FunctionGraph graph, ProbeProgram program)
    {
        if (PointRules.Check(session, graph) is { } refusal) return refusal;
        if (graph.Blocks.FirstOrDefault(b => b.LeavesUnseen) is { } conditional) return Reasons.ConditionalExit.With($"{graph.Function} at {new Address(conditional.Instructions[^1].IP)}");
        var points = new Place(graph.Function.DisplayName, graph.Function.DisplayName, PlaceKind.Calls, 0).In(graph).Value;
        return points.Select(p => program.Check(graph, p.BehindEndbr)).FirstOrDefault(r => r is not null) is { } why ? why : Done.It;
    }

    private static IEnumerable<PlacementPlan> Futexes(Session session, ProbeProgram program, PlacementLadder ladder, RefusalCount refusals, Dictionary<Address, string> kinds, CancellationToken cancellation)
    {
        foreach (var (graph, sites) in WaitingFunctions.FindFutexes(session, cancellation))
        {
            // A function that is measured itself has its points; what it does inside is its own wait.
            if (kinds.ContainsKey(graph.Function.Start)) continue;
            if (PointRules.Check(session, graph) is { } refusal)
            {
                refusals.Add(refusal, graph.Function.DisplayName);
                continue;
            }
            foreach (var site in sites)
            {
                if ((program.Check(graph, site.Before) ?? program.Check(graph, site.After)) is { } why)
                {
                    refusals.Add(why, graph.Function.DisplayName);
                    continue;
                }
                var plan = ladder.Plan(graph, [site.Before, site.After], PointRules.Entries(session, graph), isPlaceFree: false);
                if (plan.Unplaced.Count > 0)
                {
                    refusals.Add(plan.Unplaced[0].Why, graph.Function.DisplayName);
                    continue;
                }
                kinds[site.At] = WaitingFunctions.FutexKind;
                yield return plan;
            }
        }
    }
}

/// <summary>What was recorded until one moment.</summary>
internal sealed record Seen(IReadOnlyList<WaitTimes> Sets, IReadOnlyList<(PlacedPoint Point, ulong Ended, ulong Waits, ulong Cycles)> Exits)
{
    public static Seen Of(PlacedProbes probes) => new([.. probes.Sets.Select(s => WaitAction.Read(s.SharedWord))], [.. probes.Points.Select(p =>
    {
        var (ended, waits, cycles) = WaitAction.ReadExit(p.Word);
        return (p, ended, waits, cycles);
    })]);
}
