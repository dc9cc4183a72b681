using System.Collections.Frozen;
using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Code.Calls;

/// <summary>
/// What every function of a module reads and keeps, and with it which registers and flags are dead before an instruction, across calls. No calling convention is taken for granted: private
/// callees of gcc (-fipa-ra, .isra, .constprop) and routines written by hand have others, so each is taken by its code.
/// </summary>
/// <remarks>
/// The least solution of one equation for each function (<see cref="FunctionOutline.Solve"/>), found from <see cref="CalleeUse.Nothing"/> up. Both parts are questions of "may": is there a path, through callees that
/// return, on which the value is looked at, or on which it stays. A path is finite, so that going up from nothing finds it, also through recursion; a function that only ever calls itself
/// never returns, and keeps nothing rightly. ("Surely overwritten", the complement of Keeps, is so the greatest solution, which begins with everything.)
/// Nothing is known of calls through pointers and into other modules, and of functions that cannot be parsed or are judged by place (their abort handlers are in no graph).
/// What is believed: the graphs (see <see cref="FunctionParser"/>), <see cref="OwnReturn"/>, <see cref="LinkerStubs"/>, and that unwinding is done by
/// <see cref="StrictEffects.Unwound"/>'s rules. At a function's own return everything is live.
/// </remarks>
public sealed class ModuleUses
{
    private readonly CallEffects calls;
    private readonly CalleeUse[] uses;

    private ModuleUses(CallEffects calls, CalleeUse[] uses) => (this.calls, this.uses) = (calls, uses);

    /// <summary>Parses every function once, in parallel. Refused (8004) only when cancelled.</summary>
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
    public Liveness<BasicBlock> LivenessOf(FunctionGraph graph) => Liveness.OfGraph(graph, (in Instruction i) => EffectsOf(graph, i), BoundaryOf);

    private Effects EffectsOf(FunctionGraph graph, in Instruction instruction)
    {
        var effects = calls.Of(graph, instruction, out var callee);
        return callee == CallEffects.NoCallee ? effects : StrictEffects.OfCall(uses[callee]);
    }

    private LiveSet BoundaryOf(BasicBlock block)
    {
        var leaves = block.End is BlockEnd.Return or BlockEnd.IndirectTailJump || (block.End == BlockEnd.NoReturn && !calls.EndsForGood(block));
        var live = leaves ? LiveSet.All : LiveSet.Empty;
        foreach (var exit in block.Exits) live |= this[exit].LiveBefore(LiveSet.All);
        return live;
    }

    /// <summary>Again and again, callees before their callers as far as there is no recursion, until none whose callees have grown is left.</summary>
    private static CalleeUse[] Solve(FunctionOutline?[] outlines)
    {
        var uses = outlines.Select(o => o is null ? CalleeUse.Unknown : CalleeUse.Nothing).ToArray();
        var calls = CallOrder.Of(outlines);
        var room = new CalleeUse[outlines.Max(o => o?.Nodes ?? 0)];
        var isOpen = outlines.Select(o => o is not null).ToArray();
        for (var isStable = false; !isStable;)
        {
            isStable = true;
            foreach (var function in calls.CalleesFirst)
            {
                if (!isOpen[function]) continue;
                isOpen[function] = false;
                var use = outlines[function]!.Solve(uses, room);
                if (use == uses[function]) continue;
                uses[function] = use;
                isStable = false;
                foreach (var caller in calls.CallersOf(function)) isOpen[caller] = true;
            }
        }
        return uses;
    }
}
