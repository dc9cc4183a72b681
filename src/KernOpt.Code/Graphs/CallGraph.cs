using System.Collections.Immutable;
using KernOpt.Code.Images;
using KernOpt.Target;
using QuikGraph;

namespace KernOpt.Code.Graphs;

/// <summary>Caller calls Callee at Site.</summary>
public sealed record CallEdge(Function Source, Function Target, CallSite Site) : IEdge<Function>;

/// <summary>
/// Direct calls and direct tail jumps between the functions of one module. A function that could not be parsed calls nobody here; Refusals names
/// them, so that "no other callers" is only claimed where that is empty or does not matter. Calls through pointers are not seen.
/// </summary>
public sealed class CallGraph
{
    private readonly Dictionary<Function, List<(Function Caller, CallSite Site)>> callers = [];
    private BidirectionalGraph<Function, CallEdge>? calls;

    private CallGraph(ModuleImage module) => Module = module;

    public ModuleImage Module { get; }
    public ImmutableArray<(Function Function, Refusal Refusal)> Refusals { get; private set; } = [];

    /// <summary>The whole graph, parallel edges kept (one per site); made when first asked for.</summary>
    public BidirectionalGraph<Function, CallEdge> Calls => calls ??= MakeCalls();

    /// <summary>Parses every function of the module, in parallel.</summary>
    public static CallGraph Build(ModuleImage module, ICodeSource source)
    {
        var functions = module.Functions.Where(f => !f.IsFragment).ToArray();
        var parsed = new Outcome<FunctionGraph>[functions.Length];
        Parallel.For(0, functions.Length, i => parsed[i] = FunctionParser.Parse(functions[i], source));
        var graph = new CallGraph(module);
        var refusals = ImmutableArray.CreateBuilder<(Function, Refusal)>();
        for (var i = 0; i < functions.Length; i++)
        {
            if (parsed[i].Try(out var flow, out var refusal)) graph.Add(flow, source);
            else refusals.Add((functions[i], refusal));
        }
        graph.Refusals = refusals.ToImmutable();
        return graph;
    }

    /// <summary>The functions that call this one directly, and where; empty when none does.</summary>
    public IReadOnlyList<(Function Caller, CallSite Site)> CallersOf(Function function) =>
        callers.TryGetValue(function, out var found) ? found : [];

    private void Add(FunctionGraph flow, ICodeSource source)
    {
        foreach (var site in flow.Calls)
        {
            if (site.Target is not { } target || source.FunctionAt(target) is not { } callee) continue;
            if (callee.Start != target || callee.Module != flow.Function.Module) continue;
            if (!callers.TryGetValue(callee, out var list)) callers.Add(callee, list = []);
            list.Add((flow.Function, site));
        }
    }

    private BidirectionalGraph<Function, CallEdge> MakeCalls()
    {
        var made = new BidirectionalGraph<Function, CallEdge>(allowParallelEdges: true);
        made.AddVertexRange(Module.Functions);
        foreach (var (callee, sites) in callers)
        {
            foreach (var (caller, site) in sites) made.AddEdge(new CallEdge(caller, callee, site));
        }
        return made;
    }
}
