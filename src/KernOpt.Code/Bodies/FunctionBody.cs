using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Target;
using QuikGraph;

namespace KernOpt.Code.Bodies;

/// <summary>How control leaves a <see cref="BodyBlock"/>. The layout turns it into the shortest jumps that the order of the blocks allows.</summary>
public abstract record Terminator
{
    /// <summary>To another block of the body, whether by falling through or by jmp is the layout's choice.</summary>
    public sealed record Goto(BodyBlock To) : Terminator;

    /// <summary>jcc. Condition decides for Taken; otherwise Else.</summary>
    public sealed record Branch(ConditionCode Condition, BodyBlock Taken, BodyBlock Else) : Terminator;

    /// <summary>jrcxz, jecxz, loop, loope, loopne: the instruction itself decides; it only has a short form.</summary>
    public sealed record CounterBranch(Instruction Instruction, BodyBlock Taken, BodyBlock Else) : Terminator;

    /// <summary>
    /// The indirect jump at the end of a jump table. Cases are per entry. With OwnTable the copy gets a table of its own and the instruction at
    /// Table.BaseInstruction is pointed at it; without, the jump goes on through the original table, that is, into the original code.
    /// </summary>
    public sealed record Table(Instruction Jump, JumpTable Original, IReadOnlyList<BodyBlock> Cases, bool OwnTable) : Terminator;

    /// <summary>To an address outside the body (a tail call, or back into the original code). All registers and flags are live there.</summary>
    public sealed record Exit(Address To) : Terminator;

    /// <summary>An indirect jump out of the body. All registers and flags are live there.</summary>
    public sealed record IndirectExit(Instruction Jump) : Terminator;

    /// <summary>Live: what whoever is returned to may read.</summary>
    public sealed record Return(Instruction Instruction) : Terminator
    {
        public LiveSet Live { get; init; } = Liveness.AtReturn;
    }

    /// <summary>Never reached: the last instruction does not return (ud2 is emitted as a fence).</summary>
    public sealed record Unreachable : Terminator;
}

/// <summary>
/// A basic block of a body. Instructions are straight-line (calls included, control transfers not); their IP is the address of the instruction
/// they came from, 0 when newly made. Rip-relative operands are absolute, as Iced keeps them. Count is the measured number of executions, or null.
/// </summary>
public sealed class BodyBlock(int id, Address? origin)
{
    public int Id { get; } = id;
    public Address? Origin { get; } = origin;
    public List<Instruction> Instructions { get; } = [];
    public Terminator End { get; set; } = new Terminator.Unreachable();
    public long? Count { get; set; }

    public override string ToString() => Origin is { } at ? $"b{Id}@{at}" : $"b{Id}";
}

public sealed record BodyEdge(BodyBlock Source, BodyBlock Target) : IEdge<BodyBlock>;

/// <summary>
/// Code that is being made: a mutable control-flow graph with the order in which blocks will lie. <see cref="Entries"/> are where control comes in
/// from outside: [0] is the entry that the redirection leads to; a second one, when present, is the function's own entry for callers
/// that are patched directly. Passes change blocks and terminators and then call <see cref="Rebuild"/>.
/// </summary>
public sealed class FunctionBody(Function function)
{
    private int nextId;

    public Function Function { get; } = function;
    public List<BodyBlock> Order { get; } = [];
    public List<BodyBlock> Entries { get; } = [];

    /// <summary>The QuikGraph view of blocks and edges; valid until a terminator changes, made anew by <see cref="Rebuild"/>.</summary>
    public BidirectionalGraph<BodyBlock, BodyEdge> Flow { get; private set; } = new(allowParallelEdges: false);

    public BodyBlock NewBlock(Address? origin = null)
    {
        var block = new BodyBlock(nextId++, origin);
        Order.Add(block);
        return block;
    }

    public static IEnumerable<BodyBlock> SuccessorsOf(Terminator end) => end switch
    {
        Terminator.Goto g => [g.To],
        Terminator.Branch b => [b.Taken, b.Else],
        Terminator.CounterBranch c => [c.Taken, c.Else],
        Terminator.Table { OwnTable: true } t => t.Cases.Distinct(),
        _ => [],
    };

    /// <summary>Derives <see cref="Flow"/> from the terminators.</summary>
    public void Rebuild()
    {
        var flow = new BidirectionalGraph<BodyBlock, BodyEdge>(allowParallelEdges: false);
        flow.AddVertexRange(Order);
        foreach (var block in Order)
        {
            foreach (var successor in SuccessorsOf(block.End)) flow.AddVerticesAndEdge(new BodyEdge(block, successor));
        }
        Flow = flow;
    }
}
