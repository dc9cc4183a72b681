using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Live.Stubs;
using KernOpt.Target;

namespace KernOpt.Live.Points.Copying;

/// <summary>The code of a <see cref="CopiedPart"/>: each piece ends with a jump, to another piece or to where the original goes on.</summary>
internal sealed class CopyStub(CopiedPart part, FunctionGraph graph, IPointProgram program, Liveness<BasicBlock> liveness, int first, Address words, Address shared)
{
    /// <summary>No instruction is longer than 15 bytes, and a short jump becomes one of six; jrcxz and loop become three.</summary>
    private const int MostBytesOfCopy = 15;

    private readonly Dictionary<CopiedPiece, Label> labels = [];
    private readonly OutOfLine outOfLine = new();

    public static int MostBytes(CopiedPart part, IPointProgram program) =>
        part.Pieces.Sum(p => (p.Stop - p.Start + 4) * MostBytesOfCopy + part.In(p).Count() * program.MostBytes);

    /// <summary>Its entries are the part's ways. Refused (5204) when something is out of reach.</summary>
    public Outcome<StubCode> Assemble(Address at)
    {
        labels.Clear();
        return StubAssembler.Assemble(at, code =>
        {
            foreach (var piece in part.Pieces) labels[piece] = code.CreateLabel();
            foreach (var piece in part.Pieces) Write(code, piece);
            outOfLine.Write();
            return [.. part.Pieces.Where(p => p.Way is not null).Select(p => labels[p])];
        });
    }

    private void Write(Assembler code, CopiedPiece piece)
    {
        var (block, points) = (piece.Block, part.In(piece).ToLookup(p => p.Point.Index, p => p.Number));
        var label = labels[piece];
        code.Label(ref label);
        labels[piece] = label;
        // Inserted code may begin with a label of its own.
        if (points.Contains(piece.Start)) code.nop();
        for (var i = piece.Start; ; i++)
        {
            foreach (var number in points[i])
                program.Emit(code, new PointContext(graph, part.Points[number], first + number, words + (ulong)(number * program.Words * 8), shared, liveness.Before(block, i), 0, outOfLine));
            if (i == piece.Stop) break;
            if (i == block.Instructions.Length - 1 && block.Instructions[i].Op0Kind == OpKind.NearBranch64 && !block.Instructions[i].IsCallNear) Branch(code, block.Instructions[i]);
            else Copy(code, block.Instructions[i]);
            if (i + 1 == block.Instructions.Length) break;
        }
        if (!piece.IsWhole) code.jmp(block.Instructions[piece.Stop].IP);
        else if (block.Instructions[^1].FlowControl != FlowControl.UnconditionalBranch) GoTo(code, block.Close);
    }

    /// <summary>The place that it was decoded at means nothing here: with it, a jump back to it would come to the copy.</summary>
    private static void Copy(Assembler code, Instruction instruction)
    {
        instruction.IP = 0;
        code.AddInstruction(instruction);
    }

    private void Branch(Assembler code, Instruction branch)
    {
        if (part.At(new Address(branch.NearBranchTarget)) is { } piece) branch.NearBranch64 = labels[piece].Id;
        Copy(code, branch);
    }

    private void GoTo(Assembler code, Address to)
    {
        if (part.At(to) is { } piece) code.jmp(labels[piece]);
        else code.jmp(to.Value);
    }
}
