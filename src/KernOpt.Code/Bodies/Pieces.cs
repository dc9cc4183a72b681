using Iced.Intel;
using KernOpt.Target;

namespace KernOpt.Code.Bodies;

/// <summary>One element of the layout, with the address and length that the last round of relaxation gave it.</summary>
internal abstract class Piece
{
    public Address At { get; set; }
    public int Length { get; set; }
    public Address Close => At + Length;
}

/// <summary>A place to jump to. Length is the padding before it, so the place itself is <see cref="Piece.Close"/>.</summary>
internal sealed class LabelPiece(BodyBlock? block, bool isAligned) : Piece
{
    public const int Alignment = 16;

    /// <summary>More padding than this costs more than it gains (the limit that gcc uses for loops on x86-64).</summary>
    public const int MostPadding = 10;

    public BodyBlock? Block { get; } = block;
    public bool IsAligned { get; } = isAligned;
}

/// <summary>An instruction of fixed length.</summary>
internal sealed class InstructionPiece(Instruction instruction) : Piece
{
    public Instruction Instruction { get; } = instruction;
}

/// <summary>Either a label or an address outside.</summary>
internal readonly record struct JumpTarget(LabelPiece? Label, Address Outside)
{
    public Address Address => Label?.Close ?? Outside;
}

/// <summary>jmp (Condition None) or jcc, short until that does not reach.</summary>
internal sealed class JumpPiece(ConditionCode condition, JumpTarget target) : Piece
{
    public ConditionCode Condition { get; } = condition;
    public JumpTarget Target { get; } = target;
    public bool IsNear { get; set; } = target.Label is null;

    public int CurrentLength => IsNear ? (Condition == ConditionCode.None ? 5 : 6) : 2;
}

/// <summary>loop, jrcxz and their kin, which have no near form.</summary>
internal sealed class CounterPiece(Instruction instruction, BodyBlock owner, LabelPiece target) : Piece
{
    public Instruction Instruction { get; } = instruction;
    public BodyBlock Owner { get; } = owner;
    public LabelPiece Target { get; } = target;
}

/// <summary>A jump table of the copy, behind the code.</summary>
internal sealed class TablePiece(Terminator.Table table, Address anchor, IReadOnlyList<JumpTarget> targets)
{
    public Terminator.Table Table { get; } = table;
    public Address Anchor { get; } = anchor;
    public IReadOnlyList<JumpTarget> Targets { get; } = targets;
    public Address At { get; set; }

    /// <summary>An instruction that holds this table's address has been written.</summary>
    public bool IsPointedAt { get; set; }

    public int EntryBytes => Table.Original.Kind == Graphs.JumpTableKind.Absolute ? 8 : 4;
    public int Length => EntryBytes * Targets.Count;
}
