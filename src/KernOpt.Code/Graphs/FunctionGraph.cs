using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>How control leaves the end of a basic block.</summary>
public enum BlockEnd
{
    /// <summary>Runs on into the next block.</summary>
    FallThrough,
    /// <summary>jmp to a block of this function.</summary>
    Jump,
    /// <summary>jcc, loop, jrcxz: Successors[0] is taken, Successors[1] falls through. A side that leaves the function is an exit (see Exits).</summary>
    Branch,
    /// <summary>An indirect jump through a resolved jump table; Successors are the distinct targets.</summary>
    Table,
    /// <summary>ret.</summary>
    Return,
    /// <summary>jmp or jcc out of the function (tail call, shared or split block), direct or through an import's stub.</summary>
    TailJump,
    /// <summary>An indirect jump that is proved to leave the function (tail call through a pointer: the frame is gone).</summary>
    IndirectTailJump,
    /// <summary>A call that does not return, ud2, hlt: nothing follows.</summary>
    NoReturn,
    /// <summary>Runs on out of the function, into what lies behind it: its Close is the one exit.</summary>
    RunsOut,
}

/// <summary>
/// A maximal run of instructions with one entry at its start and one exit at its end; calls that return do not end it.
/// Index is dense in its graph; Instructions hold live addresses in IP.
/// </summary>
public sealed record BasicBlock(int Index, Address Start, ImmutableArray<Instruction> Instructions, BlockEnd End)
{
    /// <summary>Indexes of successor blocks; see <see cref="BlockEnd"/> for their order.</summary>
    public ImmutableArray<int> Successors { get; init; } = [];
    public ImmutableArray<int> Predecessors { get; init; } = [];

    /// <summary>Where a Branch, TailJump or RunsOut leaves the function to, when it does.</summary>
    public ImmutableArray<Address> Exits { get; init; } = [];

    /// <summary>It may leave the function, and before none of its instructions is it known whether it does: by a conditional jump, or by running on.</summary>
    public bool LeavesUnseen => End is BlockEnd.Branch or BlockEnd.RunsOut && !Exits.IsEmpty;

    /// <summary>The resolved table of a Table block.</summary>
    public JumpTable? Table { get; init; }

    public Address Close => Instructions.IsEmpty ? Start : new Address(Instructions[^1].NextIP);
}

public enum JumpTableKind
{
    /// <summary>Entries are absolute 8-byte addresses.</summary>
    Absolute,
    /// <summary>Entries are signed 4-byte distances from the table's own start.</summary>
    RelativeToTable,
}

/// <summary>
/// A resolved jump table. Targets are per entry, in order (not distinct). BaseInstruction is the address of the lea or mov that puts the table's
/// address in a register, when that register serves this jump only, so that a moved copy may point it at a table of its own; else null.
/// </summary>
public sealed record JumpTable(JumpTableKind Kind, Address Table, ImmutableArray<Address> Targets, Address Jump, Address? BaseInstruction);

/// <summary>
/// The control-flow graph of one function: blocks in address order, block 0 is the entry; those of split-off
/// parts (".cold") that it enters follow, in address order for each part.
/// </summary>
public sealed partial class FunctionGraph(Function function, ImmutableArray<BasicBlock> blocks)
{
    public Function Function { get; } = function;
    public ImmutableArray<BasicBlock> Blocks { get; } = blocks;
    public BasicBlock Entry => Blocks[EntryIndex];
    public int EntryIndex { get; init; }

    /// <summary>Indexes of the blocks into which unwinding comes back, ascending: from some call of the function, with the callee-saved registers and the stack of there. They may have predecessors besides.</summary>
    public ImmutableArray<int> LandingPads { get; init; } = [];

    /// <summary>Unwinding may come back into the function, or into a part of it that is split off, as far as is known.</summary>
    public bool IsUnwoundInto => Function.HasLandingPads || !LandingPads.IsEmpty;

    /// <summary>Control comes in at the block's start by ways that are no edges: a call of the function, or unwinding.</summary>
    public bool IsEntered(BasicBlock block) => block.Index == EntryIndex || LandingPads.BinarySearch(block.Index) >= 0;

    /// <summary>Every direct call: the address of the instruction and its destination.</summary>
    public ImmutableArray<CallSite> Calls { get; init; } = [];
}

/// <summary>A call in a function. Target is null for an indirect call. IsTail: it is a jump.</summary>
public readonly record struct CallSite(Address At, Address? Target, bool IsTail);
