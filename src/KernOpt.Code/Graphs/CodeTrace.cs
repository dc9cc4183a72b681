using Iced.Intel;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>
/// Recursive traversal: decodes exactly what control can reach from the places it is told to start at, over the function's own range and the
/// split-off parts that it enters. It stops with a refusal at the first thing that cannot be explained.
/// </summary>
/// <remarks>
/// A split-off part is taken in whoever else may enter it: the graph is about paths from this function's entry, and a copy of the part
/// is entered by this function's copy alone.
/// </remarks>
internal sealed class CodeTrace(Function function, ICodeSource source, NoReturnAnalysis noReturn) : IDisposable
{
    private readonly List<CodePiece> pieces = [];
    private readonly Stack<Address> open = new();
    private readonly List<CallSite> calls = [];
    private readonly HashSet<Address> deadEnds = [];
    private readonly HashSet<Address> pads = [];
    private readonly Dictionary<Address, JumpTable> tables = [];
    private Refusal? refusal;

    public Function Function => function;
    public ICodeSource Source => source;

    /// <summary>The function's own range first, then split-off parts in the order in which they were found.</summary>
    public List<CodePiece> Pieces => pieces;

    /// <summary>Direct and indirect calls, and direct jumps out of the function.</summary>
    public List<CallSite> Calls => calls;

    public bool HasIndirectJumps { get; private set; }
    public IReadOnlyDictionary<Address, JumpTable> Tables => tables;

    /// <summary>The instruction at this address is a call that does not return.</summary>
    public bool IsDeadEnd(Address at) => deadEnds.Contains(at);

    public bool HasLandingPads => pads.Count > 0;

    /// <summary>Unwinding comes back in there, with what the registers then hold.</summary>
    public bool IsLandingPad(Address at) => pads.Contains(at);

    public void Dispose()
    {
        foreach (var piece in pieces) piece.Dispose();
    }

    public CodePiece? PieceAt(Address address)
    {
        foreach (var piece in pieces)
        {
            if (piece.Contains(address)) return piece;
        }
        return null;
    }

    public Refusal? Start() => AddPiece(function) ? From(function.Start) : refusal;

    /// <summary>Takes in the targets of a resolved table. A table that is known already may grow.</summary>
    public Refusal? Add(JumpTable table)
    {
        tables[table.Jump] = table;
        foreach (var target in table.Targets)
        {
            if (!TryEnter(target))
            {
                return refusal ?? Reasons.JumpTableTargetOutside.With($"the table at {table.Table} of the jump at {table.Jump} leads to {target}");
            }
        }
        return Drain();
    }

    private Refusal? From(Address start)
    {
        TryEnter(start);
        return Drain();
    }

    private Refusal? Drain()
    {
        while (refusal is null && open.TryPop(out var next)) Follow(PieceAt(next)!, next);
        return refusal;
    }

    /// <summary>A part's landing pads lie in it, or in another part of the function.</summary>
    private void EnterPads(Function part)
    {
        foreach (var pad in part.Module.LandingPadsOf(part))
        {
            if (TryEnter(pad)) pads.Add(pad);
        }
    }

    private bool AddPiece(Function part)
    {
        if (part.Size is 0 or > 4 << 20) return Refuse(Reasons.EmptyFunction, $"{part} at {part.Start} has {part.Size} bytes");
        if (CodePiece.TryRead(part, source) is not { } piece) return Refuse(Reasons.UnreadableCode, $"{part} at {part.Start}");
        pieces.Add(piece);
        EnterPads(part);
        return refusal is null;
    }

    private bool Refuse(Reason reason, string detail)
    {
        refusal ??= reason.With(detail);
        return false;
    }

    /// <summary>Notes the start of a block inside the function; false when the address is not part of it.</summary>
    private bool TryEnter(Address target)
    {
        if (PieceAt(target) is not { } piece)
        {
            if (!IsOwnPart(target, out var part) || !AddPiece(part)) return false;
            piece = PieceAt(target)!;
        }
        var offset = piece.OffsetOf(target);
        if (piece.IsInside(offset)) return Refuse(Reasons.OverlappingInstructions, $"the branch target {target}");
        piece.MarkLeader(offset);
        if (!piece.IsStart(offset)) open.Push(target);
        return true;
    }

    /// <summary>The address lies in the function or in a part that is split off.</summary>
    public bool IsOwn(Address target) => PieceAt(target) is not null || IsOwnPart(target, out _);

    private bool IsOwnPart(Address target, out Function part)
    {
        part = function;
        if (source.FunctionAt(target) is not { IsFragment: true } found || found.Module != function.Module) return false;
        if (source.TryGetImport(target, out _)) return false;
        part = found;
        return true;
    }

    private void Follow(CodePiece piece, Address start)
    {
        var offset = piece.OffsetOf(start);
        while (offset < piece.Length && !piece.IsStart(offset))
        {
            var at = piece.Function.Start + offset;
            if (piece.IsInside(offset))
            {
                Refuse(Reasons.OverlappingInstructions, $"the instruction at {at}");
                return;
            }
            if (!piece.TryDecode(offset, out var instruction, out var overlaps))
            {
                Refuse(overlaps ? Reasons.OverlappingInstructions : Reasons.UndecodableCode, $"the bytes at {at}");
                return;
            }
            offset += instruction.Length;
            if (!Continues(piece, instruction)) return;
        }
        if (offset >= piece.Length) RunOut(piece.Function);
    }

    /// <summary>Control runs on behind the last instruction, into the next function: routines that are written by hand share their ends so.</summary>
    private void RunOut(Function part)
    {
        var next = part.Range.End;
        if (!TryEnter(next) && refusal is null && !source.IsExecutable(next)) Refuse(Reasons.FallsOffEnd, $"of {part} at {next}");
    }

    /// <summary>Notes where an instruction leads; true when control also runs on to the next one.</summary>
    private bool Continues(CodePiece piece, in Instruction instruction)
    {
        var at = new Address(instruction.IP);
        switch (instruction.FlowControl)
        {
            case FlowControl.Next:
                return instruction.Mnemonic != Mnemonic.Hlt;
            case FlowControl.ConditionalBranch:
                Branch(instruction);
                if (piece.OffsetOf(new Address(instruction.NextIP)) is var next && next < piece.Length) piece.MarkLeader(next);
                return refusal is null;
            case FlowControl.UnconditionalBranch:
                Branch(instruction);
                return false;
            case FlowControl.Call:
                return instruction.Op0Kind != OpKind.NearBranch64 ? instruction.OpCount == 0 || UnsupportedAt(at) : Call(piece, instruction);
            case FlowControl.IndirectCall:
                if (instruction.IsCallFarIndirect) return UnsupportedAt(at);
                calls.Add(new CallSite(at, null, false));
                return ContinuesAfterCall(piece, instruction);
            case FlowControl.IndirectBranch:
                if (instruction.IsJmpFarIndirect) return UnsupportedAt(at);
                HasIndirectJumps = true;
                return false;
            case FlowControl.Return:
                return instruction.Mnemonic != Mnemonic.Ret && UnsupportedAt(at);
            case FlowControl.Exception:
                return false;
            case FlowControl.Interrupt:
                return true;
            default:
                return UnsupportedAt(at);
        }
    }

    private bool UnsupportedAt(Address at) => Refuse(Reasons.UnsupportedControlTransfer, $"the instruction at {at}");

    private void Branch(in Instruction instruction)
    {
        var at = new Address(instruction.IP);
        if (instruction.Op0Kind != OpKind.NearBranch64)
        {
            UnsupportedAt(at);
            return;
        }
        var target = new Address(instruction.NearBranchTarget);
        if (TryEnter(target) || refusal is not null) return;
        if (!source.IsExecutable(target)) Refuse(Reasons.BranchToNonCode, $"the branch at {at} leads to {target}");
        else calls.Add(new CallSite(at, target, IsTail: true));
    }

    private bool Call(CodePiece piece, in Instruction instruction)
    {
        var at = new Address(instruction.IP);
        var target = new Address(instruction.NearBranchTarget);
        if (target != function.Start && PieceAt(target) is not null) return Refuse(Reasons.CallIntoItself, $"the call at {at} leads to {target}");
        if (!source.IsExecutable(target)) return Refuse(Reasons.BranchToNonCode, $"the call at {at} leads to {target}");
        calls.Add(new CallSite(at, target, false));
        if (!noReturn.NeverReturns(target)) return ContinuesAfterCall(piece, instruction);
        deadEnds.Add(at);
        return false;
    }

    /// <summary>A call with nothing behind it in the range does not return: a compiler leaves out what would follow only when nothing can.</summary>
    private bool ContinuesAfterCall(CodePiece piece, in Instruction instruction)
    {
        if (piece.OffsetOf(new Address(instruction.NextIP)) < piece.Length) return true;
        deadEnds.Add(new Address(instruction.IP));
        return false;
    }
}
