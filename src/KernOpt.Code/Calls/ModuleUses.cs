using System.Collections.Frozen;
using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Target;
using QuikGraph;
using QuikGraph.Algorithms;

namespace KernOpt.Code.Calls;

/// <summary>
/// What every function of a module reads and keeps, and with it which registers and flags are dead before an instruction, across calls. No calling convention is taken for granted: private
/// callees of gcc (-fipa-ra, .isra, .constprop) and routines written by hand have others, so each is taken by its code.
/// </summary>
/// <remarks>
/// The least solution of one equation for each function (<see cref="FunctionOutline.Solve"/>), found from <see cref="CalleeUse.Nothing"/> up. Both parts are questions of "may": is there a path, through callees that
/// return, on which the value is looked at, or on which it stays. A path is finite, so that going up from nothing finds it, also through recursion; a function that only ever calls itself
/// never returns, and keeps nothing rightly. (The dual, "surely overwritten", would have to begin with everything and shrink.)
/// Nothing is known of calls through pointers and into other modules, and of functions that cannot be parsed or are judged by place (their abort handlers are in no graph).
/// What is believed: the graphs (see <see cref="FunctionParser"/>), <see cref="OwnReturn"/>, <see cref="LinkerStubs"/>, and that unwinding is done by
/// <see cref="StrictEffects.Unwound"/>'s rules. At a function's own return everything is live.
/// </remarks>
public sealed class ModuleUses
{
    private readonly CallEffects calls;
    private readonly CalleeUse[] uses;

    private ModuleUses(CallEffects calls, CalleeUse[] uses) => (this.calls, this.uses) = (calls, uses);

    /// <summary>
    /// Parses every function once, in parallel. Refused (8004) only when cancelled.
    /// </summary>
    public static Outcome<ModuleUses> Of(ModuleImage module, ICodeSource source, Func<Function, Outcome<FunctionGraph>> parse, CancellationToken cancellation)
    {
        var functions = module.Functions.Where(f => !f.IsFragment).ToImmutableArray();
        var numbers = new Dictionary<Address, int>(functions.Length);
        for (var i = 0; i < functions.Length; i++) numbers[functions[i].Start] = i;
        var calls = new CallEffects(numbers.ToFrozenDictionary(), new LinkerStubs(source));
        var outlines = new FunctionOutline?[functions.Length];
        Parallel.For(0, functions.Length, (i, state) =>
        {
            if (cancellation.IsCancellationRequested) state.Stop();
            else if (parse(functions[i]).Try(out var graph, out _) && !PlaceBound.Is(graph, source)) outlines[i] = new OutlineBuilder(graph, calls).Build();
        });
        if (cancellation.IsCancellationRequested) return Reasons.Interrupted.With(module.Name);
        return new ModuleUses(calls, Solve(outlines));
    }

    /// <summary>What is known of the function that starts there.</summary>
    public CalleeUse this[Address target] => calls.UseOf(target, out var callee) is var use && callee == CallEffects.NoCallee ? use : uses[callee];

    /// <summary>What is live in a function of the module; everything is where it returns.</summary>
    public Liveness<BasicBlock> LivenessOf(FunctionGraph graph, LiveSet? atReturn = null) => Liveness.OfGraph(graph, (in Instruction i) => EffectsOf(graph.Function, i), b => BoundaryOf(b, atReturn ?? LiveSet.All));

    private Effects EffectsOf(Function function, in Instruction instruction)
    {
        var effects = calls.Of(function, instruction, out var callee);
        return callee == CallEffects.NoCallee ? effects : StrictEffects.OfCall(uses[callee]);
    }

    private LiveSet BoundaryOf(BasicBlock block, LiveSet atReturn)
    {
        var live = block.End switch
        {
            BlockEnd.NoReturn when CallEffects.IsCall(block.Instructions[^1]) => LiveSet.Empty,
            BlockEnd.Return => atReturn,
            BlockEnd.IndirectTailJump or BlockEnd.NoReturn => LiveSet.All,
            _ => LiveSet.Empty,
        };
        foreach (var exit in block.Exits) live |= this[exit].LiveBefore(atReturn);
        return live;
    }

    /// <summary>Callees before their callers, as far as there is no recursion; then whoever calls a function whose use has grown, again.</summary>
    private static CalleeUse[] Solve(FunctionOutline?[] outlines)
    {
        var uses = outlines.Select(o => o is null ? CalleeUse.Unknown : CalleeUse.Nothing).ToArray();
        var callers = new List<int>?[outlines.Length];
        var graph = new AdjacencyGraph<int, SEdge<int>>(allowParallelEdges: true, outlines.Length);
        graph.AddVertexRange(Enumerable.Range(0, outlines.Length));
        for (var caller = 0; caller < outlines.Length; caller++)
        {
            foreach (var callee in outlines[caller]?.Callees ?? [])
            {
                (callers[callee] ??= []).Add(caller);
                graph.AddEdge(new SEdge<int>(caller, callee));
            }
        }
        var components = new Dictionary<int, int>(outlines.Length);
        graph.StronglyConnectedComponents(components);
        var open = new PriorityQueue<int, int>(components.Where(c => outlines[c.Key] is not null).Select(c => (c.Key, c.Value)));
        var isOpen = outlines.Select(o => o is not null).ToArray();
        while (open.TryDequeue(out var function, out _))
        {
            isOpen[function] = false;
            var use = outlines[function]!.Solve(uses);
            if (use == uses[function]) continue;
            uses[function] = use;
            foreach (var caller in callers[function] ?? [])
            {
                if (isOpen[caller]) continue;
                isOpen[caller] = true;
                open.Enqueue(caller, components[caller]);
            }
        }
        return uses;
    }
}
