using System.Diagnostics;
using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Target;

namespace KernOpt.Engine.Profiling;

/// <summary>One function for people; Dot is its graph for graphviz, when it was resolved.</summary>
public sealed record FunctionInspection(FunctionReport Report, string? Dot);

/// <summary>Parses and tells what was found; changes nothing.</summary>
public static class Inspection
{
    private const int ExamplesPerReason = 4;

    public static Outcome<InspectReport> OfModules(Session session, string? only, IProgress<string> progress, CancellationToken cancellation)
    {
        var modules = session.Program.Modules.Where(m => only is null || m.Name == only).ToList();
        if (modules.Count == 0) return Reasons.ModuleNotFound.With($"{only}; loaded are {string.Join(", ", session.Program.Modules.Select(m => m.Name))}");
        var clock = Stopwatch.StartNew();
        var rows = new List<ModuleRow>();
        var refusals = new RefusalCount(ExamplesPerReason);
        foreach (var module in modules)
        {
            progress.Report(module.Name);
            if (!module.File.Try(out _, out var unreadable)) refusals.Add(unreadable, module.Name);
            rows.Add(OfModule(session, module, refusals, cancellation));
            if (cancellation.IsCancellationRequested) return Reasons.Interrupted.With("");
        }
        return new InspectReport(session.Target.Name, clock.Elapsed.TotalSeconds, rows.Sum(r => r.Functions), rows.Sum(r => r.Resolved),
            rows.Sum(r => r.Blocks), rows.Sum(r => r.Instructions), rows, refusals.Rows());
    }

    public static Outcome<FunctionInspection> OfFunction(Session session, string name)
    {
        if (!session.Program.Find(name).Try(out var function, out var why)) return why;
        var bare = new FunctionReport(session.Target.Name, function.DisplayName, function.StableName, function.Module.Name, function.Start, function.Size,
            function.Names, [], [], null, []);
        if (!session.Parse(function).Try(out var graph, out why)) return new FunctionInspection(bare with { Refusals = [why] }, null);
        var refusals = new List<Refusal>();
        var arguments = EntryArguments.Of(graph).Select(a => $"{a.Register.ToString().ToLowerInvariant()}:{a.Bits}").ToList();
        string? site = null;
        if (session.Live.Sites.Choose(graph).Try(out var chosen, out why)) site = $"{chosen.At} {Listing.Of(chosen.Instruction)} ({chosen.Form})";
        else refusals.Add(why);
        if (!MovingRules.Check(session, graph).Try(out _, out why)) refusals.Add(why);
        var loops = LoopForest.Of(graph, Dominators.Of(graph));
        var blocks = graph.Blocks.Select(b => new BlockRow(b.Index, b.Start, b.End.ToString(), loops.DepthOf(b.Index), b.Successors,
            [.. b.Instructions.Select(i => $"{i.IP:x}  {Listing.Of(i)}")])).ToList();
        return new FunctionInspection(bare with { Arguments = arguments, Site = site, Blocks = blocks, Refusals = refusals }, DotWriter.Write(graph));
    }

    private static ModuleRow OfModule(Session session, ModuleImage module, RefusalCount refusals, CancellationToken cancellation)
    {
        long resolved = 0, blocks = 0, instructions = 0;
        Parallel.ForEach(module.Functions, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, (function, state) =>
        {
            if (cancellation.IsCancellationRequested) state.Stop();
            if (!FunctionParser.Parse(function, session.Program).Try(out var graph, out var why))
            {
                refusals.Add(why, function.DisplayName);
                return;
            }
            Interlocked.Increment(ref resolved);
            Interlocked.Add(ref blocks, graph.Blocks.Length);
            Interlocked.Add(ref instructions, graph.Blocks.Sum(b => b.Instructions.Length));
        });
        return new ModuleRow(module.Name, module.Location.Path, module.LoadBias, module.Functions.Length, resolved, blocks, instructions);
    }
}
