using Iced.Intel;
using KernOpt.Code.Calls;
using KernOpt.Code.Graphs;
using KernOpt.Target;

namespace KernOpt.Code.Bodies;

/// <summary>
/// Which registers and flags may still be read, at the start and end of each block and before each instruction: the usual backward dataflow to the
/// least fixpoint. What is not in the set may be overwritten without anyone noticing.
/// Where control leaves the code that is looked at:
/// <list type="bullet">
/// <item>jumps out, indirect or not, and tables that are not the copy's own: everything is live; it goes on in original code, which may need any of it;</item>
/// <item>calls: see <see cref="RegisterEffects.Of"/>; everything but the status flags is live before one, and nothing dies in it;</item>
/// <item>returns: see <see cref="AtReturn"/> and <see cref="Terminator.Return"/>;</item>
/// <item>the end of a call that does not return: everything.</item>
/// </list>
/// Memory is not tracked.
/// </summary>
public sealed class Liveness<TBlock> where TBlock : class
{
    private readonly Dictionary<TBlock, LiveSet> atStart;
    private readonly Dictionary<TBlock, LiveSet> atEnd;
    private readonly Func<TBlock, IReadOnlyList<Instruction>> instructionsOf;
    private readonly EffectsOf effectsOf;

    internal Liveness(Dictionary<TBlock, LiveSet> atStart, Dictionary<TBlock, LiveSet> atEnd, Func<TBlock, IReadOnlyList<Instruction>> instructionsOf, EffectsOf effectsOf)
    {
        this.effectsOf = effectsOf;
        this.atStart = atStart;
        this.atEnd = atEnd;
        this.instructionsOf = instructionsOf;
    }

    /// <summary>Live on entry to the block.</summary>
    public LiveSet In(TBlock block) => atStart[block];

    /// <summary>Live where the block's straight-line instructions end: what its terminator reads is in it.</summary>
    public LiveSet Out(TBlock block) => atEnd[block];

    /// <summary>Live before the instruction at an index of the block; the index one past the last is <see cref="Out"/>.</summary>
    public LiveSet Before(TBlock block, int index)
    {
        var live = atEnd[block];
        var instructions = instructionsOf(block);
        for (var i = instructions.Count - 1; i >= index; i--) live = effectsOf(instructions[i]).LiveBefore(live);
        return live;
    }
}

/// <summary>Makes <see cref="Liveness{TBlock}"/> of bodies and graphs.</summary>
public static class Liveness
{
    /// <summary>
    /// Live at a return: results (rax, rdx, vectors 0 and 1, the x87 stack), what the callee preserves (rbx, rbp, r12..r15, rsp) and DF (psABI 3.2.1, 3.2.3);
    /// also rcx and vectors 2 and 3, in which LLVM returns larger values between its own functions. A copy of a function adds what is known of this one:
    /// <see cref="KeptRegisters"/> and <see cref="ResultRegisters"/>. The other registers are dead here although
    /// gcc's -fipa-ra callers may keep values in those that the callee does not write: a version must not write a register that the original does not.
    /// Wrong for a function that hands results to code that is not seen (a call through a pointer, another module) in other registers than these.
    /// </summary>
    public static readonly LiveSet AtReturn = LiveSet.Of(
        Register.RAX, Register.RDX, Register.RCX, Register.RBX, Register.RBP, Register.RSP, Register.R12, Register.R13, Register.R14, Register.R15,
        Register.ZMM0, Register.ZMM1, Register.ZMM2, Register.ZMM3, Register.ST0)
        | LiveSet.Rest | LiveSet.Of(RflagsBits.DF | RflagsBits.AC);

    public static Liveness<BodyBlock> Of(FunctionBody body) => new LivenessSolver<BodyBlock>(
        body.Order, b => b.Instructions, b => FunctionBody.SuccessorsOf(b.End), b => body.Flow.InEdges(b).Select(e => e.Source), EndOf).Solve();

    /// <summary>The same before anything is copied, for choosing where to patch. An instruction that ends a block is among its instructions here.</summary>
    public static Liveness<BasicBlock> Of(FunctionGraph graph) => OfGraph(graph, RegisterEffects.Of, LiveSet.All, AtReturn);

    /// <summary>
    /// The same where nothing is taken on trust: everything is live before a call and at a return, the status flags too, which routines that are written by hand pass to each
    /// other. What is dead here is overwritten before the function calls or returns.
    /// </summary>
    public static Liveness<BasicBlock> WithoutConventions(FunctionGraph graph) => OfGraph(graph, EffectsWithoutConventionsIn(graph), LiveSet.All, LiveSet.All);

    private static EffectsOf EffectsWithoutConventionsIn(FunctionGraph graph)
    {
        var hidden = graph.Function.Module.Location.HiddenExits;
        if (hidden.Count == 0) return graph.IsUnwoundInto ? EffectsBeforeUnwinding : EffectsWithoutConventions;
        return (in Instruction instruction) => hidden.Contains(new Address(instruction.IP)) ? EffectsOfHiddenExit(instruction) : EffectsWithoutConventions(instruction);
    }

    /// <summary>Who comes in where it leads to may read everything.</summary>
    private static Effects EffectsOfHiddenExit(in Instruction instruction) => RegisterEffects.Of(instruction) with { Reads = LiveSet.All, Kills = LiveSet.Empty };

    /// <summary>A faulting instruction may lead to a landing pad (-fnon-call-exceptions), which no edge shows.</summary>
    private static Effects EffectsBeforeUnwinding(in Instruction instruction)
    {
        var effects = EffectsWithoutConventions(instruction);
        return effects with { Reads = effects.Reads | StrictEffects.Unwound };
    }

    private static Effects EffectsWithoutConventions(in Instruction instruction)
    {
        var effects = RegisterEffects.Of(instruction);
        return effects.IsOpaque ? effects with { Reads = LiveSet.All, Kills = LiveSet.Empty } : effects;
    }

    internal static Liveness<BasicBlock> OfGraph(FunctionGraph graph, EffectsOf effectsOf, LiveSet outside, LiveSet atReturn) =>
        OfGraph(graph, effectsOf, b => BoundaryOf(b, outside, atReturn));

    /// <summary>BoundaryOf: what is live where a block's end leaves the graph.</summary>
    internal static Liveness<BasicBlock> OfGraph(FunctionGraph graph, EffectsOf effectsOf, Func<BasicBlock, LiveSet> boundaryOf) => new LivenessSolver<BasicBlock>(
        graph.Blocks, b => b.Instructions, b => b.Successors.Select(i => graph.Blocks[i]), b => b.Predecessors.Select(i => graph.Blocks[i]),
        b => (default, boundaryOf(b))) { Effects = effectsOf }.Solve();

    private static (Effects Effects, LiveSet Boundary) EndOf(BodyBlock block) => block.End switch
    {
        Terminator.Goto => default,
        Terminator.Branch branch => (Reading(LiveSet.Of(RegisterEffects.FlagsOf(branch.Condition))), LiveSet.Empty),
        Terminator.CounterBranch counter => (RegisterEffects.Of(counter.Instruction), LiveSet.Empty),
        Terminator.Table { OwnTable: true } table => (RegisterEffects.Of(table.Jump), LiveSet.Empty),
        Terminator.Return end => (RegisterEffects.Of(end.Instruction), end.Live),
        _ => (default, LiveSet.All),
    };

    private static Effects Reading(LiveSet reads) => new(reads, LiveSet.Empty, LiveSet.Empty, MemoryEffect.None, false);

    private static LiveSet BoundaryOf(BasicBlock block, LiveSet outside, LiveSet atReturn) => block.End switch
    {
        BlockEnd.Return => atReturn,
        BlockEnd.NoReturn or BlockEnd.TailJump or BlockEnd.IndirectTailJump => outside,
        _ => block.Exits.IsEmpty && !block.Successors.IsEmpty ? LiveSet.Empty : outside,
    };
}

internal delegate Effects EffectsOf(in Instruction instruction);
