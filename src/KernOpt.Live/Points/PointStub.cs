using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Live.Points.Copying;
using KernOpt.Live.Points.Rungs;
using KernOpt.Live.Stubs;
using KernOpt.Target;

namespace KernOpt.Live.Points;

/// <summary>What one placement leads to: the code of its points, between copies of the instructions that are bypassed, and the way back.</summary>
internal static class PointStub
{
    /// <summary>No instruction is longer than 15 bytes, and a short jump becomes one of six.</summary>
    private const int MostBytesOfCopy = 15;
    public const ulong CacheLine = 64;
    private const ulong Alignment = 16;
    private const int ReturnAddressBytes = 8;

    /// <summary>The bytes that have been pushed from the point to where its code runs.</summary>
    private static int PushedFrom(Point point, int index)
    {
        var bytes = 0;
        for (var i = point.Index; i < index; i++) bytes -= LaterPushRung.IsPush(point.Block.Instructions[i]) ? point.Block.Instructions[i].StackPointerIncrement : 0;
        return bytes;
    }

    /// <summary>Whole cache lines, so that <see cref="Place"/> never needs more than what is announced for all stubs together.</summary>
    public static ulong MostBytes(Placement placement, IPointProgram program) =>
        AlignUp((ulong)(placement.Part is { } part ? CopyStub.MostBytes(part, program) : placement.Points.Length * program.MostBytes + (placement.Resume - placement.Lead + 1) * MostBytesOfCopy), CacheLine);

    /// <summary>Where a stub goes behind others: what most passages run crosses no cache line if it fits into one. From: bytes behind the first stub, which begins a line.</summary>
    public static ulong Place(ulong from, int inLine)
    {
        from = AlignUp(from, Alignment);
        return from % CacheLine + (ulong)inLine <= CacheLine ? from : AlignUp(from, CacheLine);
    }

    private static ulong AlignUp(ulong value, ulong alignment) => (value + alignment - 1) & ~(alignment - 1);

    /// <summary>
    /// First: the number of the placement's first point; the others follow. Words: where that point's lie; those of the others follow. Refused (5204) when something is out of
    /// reach.
    /// </summary>
    public static Outcome<StubCode> Assemble(Address at, Placement placement, IPointProgram program, Liveness<BasicBlock> liveness, int first, Address words, Address shared)
    {
        var outOfLine = new OutOfLine();
        return StubAssembler.Assemble(at, InLine, _ => outOfLine.Write());

        void InLine(Assembler code)
        {
            var block = placement.Block;
            var next = 0;
            var pushed = placement.IsCall ? ReturnAddressBytes : 0;
            for (var i = placement.Lead; i <= placement.Resume; i++)
            {
                for (; next < placement.Points.Length && placement.Points[next] == i; next++)
                {
                    var asked = new Point(block, placement.Asked[next]);
                    var ownWords = words + (ulong)(next * program.Words * 8);
                    program.Emit(code, new PointContext(placement.Graph, asked, first + next, ownWords, shared, liveness.Before(block, i), pushed + PushedFrom(asked, i), outOfLine));
                }
                if (placement.IsCall || i == placement.Resume) break;
                code.AddInstruction(block.Instructions[i]);
            }
            code.jmp(placement.IsCall ? placement.Instruction.NearBranchTarget : block.Instructions[placement.Resume - 1].NextIP);
        }
    }
}
