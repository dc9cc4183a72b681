using System.Collections.Concurrent;
using System.Diagnostics;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Live.Points;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>Tells which instructions take a probe, each by itself, by which rung, and why the others do not; changes nothing.</summary>
public static class Reach
{
    private static readonly Rung[] Rungs = [Rung.Jump, Rung.Call, Rung.EarlierJump, Rung.LaterJump, Rung.LaterCall, Rung.Springboard, Rung.PunnedJump, Rung.PunnedCall, Rung.Copy];

    /// <summary>All instructions of the resolved functions of the modules.</summary>
    public static Outcome<ReachReport> OfModules(Session session, string? only, IProgress<string> progress, CancellationToken cancellation)
    {
        var modules = session.Program.Modules.Where(m => only is null || m.Name == only).ToList();
        if (modules.Count == 0) return Reasons.ModuleNotFound.With($"{only}; loaded are {string.Join(", ", session.Program.Modules.Select(m => m.Name))}");
        var clock = Stopwatch.StartNew();
        var refusals = new RefusalCount();
        var unresolved = new RefusalCount();
        var rows = new List<ReachRow>();
        foreach (var module in modules)
        {
            progress.Report(module.Name);
            if (OfModule(session, module, unresolved, refusals, cancellation) is not { } row) return Reasons.Interrupted.With("");
            rows.Add(row);
        }
        return new ReachReport(session.Target.Name, clock.Elapsed.TotalSeconds, rows.Sum(r => r.Instructions), rows.Sum(r => r.Instructions - r.Refused), rows, refusals.Rows(), unresolved.Rows());
    }

    /// <summary>Each instruction of one function.</summary>
    public static Outcome<FunctionReachReport> OfFunction(Session session, string name)
    {
        if (!session.Program.Find(name).Try(out var function, out var why)) return why;
        if (!session.Parse(function).Try(out var graph, out why)) return why;
        var entries = PointRules.Entries(session, graph);
        var ladder = session.Live.Ladder();
        var wholly = PointRules.Check(session, graph);
        var mayMoveCalls = PointRules.MayMoveCalls(session, graph);
        var rows = Points(graph).Select(point =>
        {
            var refused = wholly;
            var rung = wholly is null ? ladder.RungOf(graph, point, entries, isPlaceFree: false, out refused, mayMoveCalls) : null;
            return new PointRow(point.At, Listing.Of(point.Instruction), rung?.ToString(), refused?.Reason);
        });
        return new FunctionReachReport(session.Target.Name, function.DisplayName, function.Start, [.. rows]);
    }

    private static ReachRow? OfModule(Session session, ModuleImage module, RefusalCount unresolved, RefusalCount refusals, CancellationToken cancellation)
    {
        var (graphs, resolved) = Resolve(session, module, unresolved, cancellation);
        var ladder = session.Live.Ladder();
        var counts = Rungs.ToDictionary(r => r, _ => 0L);
        long instructions = 0, refused = 0, countable = 0;
        foreach (var graph in graphs)
        {
            if (cancellation.IsCancellationRequested) return null;
            var wholly = PointRules.Check(session, graph);
            var entries = PointRules.Entries(session, graph);
            var mayMoveCalls = PointRules.MayMoveCalls(session, graph);
            foreach (var point in Points(graph))
            {
                instructions++;
                var why = wholly;
                if (wholly is null && ladder.RungOf(graph, point, entries, isPlaceFree: false, out why, mayMoveCalls) is { } rung)
                {
                    counts[rung]++;
                    continue;
                }
                refused++;
                if (wholly is null && ladder.RungOf(graph, point, entries, isPlaceFree: true, out _) is not null) countable++;
                refusals.Add(why!, graph.Function.NameOf(point.At));
            }
        }
        return new ReachRow(module.Name, module.Functions.Length, resolved, instructions, counts[Rung.Jump], counts[Rung.Call], counts[Rung.EarlierJump], counts[Rung.LaterJump] + counts[Rung.LaterCall], counts[Rung.Springboard],
            counts[Rung.PunnedJump], counts[Rung.PunnedCall], counts[Rung.Copy], refused, countable);
    }

    /// <summary>A split-off part is resolved when a function is that enters it; it has no graph of its own.</summary>
    private static (IReadOnlyCollection<FunctionGraph> Graphs, int Resolved) Resolve(Session session, ModuleImage module, RefusalCount unresolved, CancellationToken cancellation)
    {
        var graphs = new ConcurrentBag<FunctionGraph>();
        var refused = new ConcurrentBag<(Function Function, Refusal Why)>();
        Parallel.ForEach(module.Functions, (function, state) =>
        {
            if (cancellation.IsCancellationRequested) state.Stop();
            else if (FunctionParser.Parse(function, session.Live.Source).Try(out var graph, out var why)) graphs.Add(graph);
            else refused.Add((function, why));
        });
        var blocks = graphs.SelectMany(g => g.Blocks).Select(b => b.Start).ToHashSet();
        var left = refused.Where(r => !r.Function.IsFragment || !blocks.Contains(r.Function.Start)).OrderBy(r => r.Function.Start).ToList();
        foreach (var (function, why) in left) unresolved.Add(why, $"{function}");
        return (graphs, module.Functions.Length - left.Count);
    }

    private static IEnumerable<Point> Points(FunctionGraph graph) => graph.Blocks.SelectMany(b => b.Instructions.Select((_, i) => new Point(b, i)));
}
