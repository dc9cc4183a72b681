using KernOpt.Code.Bodies;
using KernOpt.Live.Points;
using KernOpt.Probes;
using KernOpt.Probes.Actions;
using KernOpt.Target;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Tests.Probes;

/// <summary>How much of a stack is copied, in an emulated machine in which nothing is mapped behind it.</summary>
public sealed class StackActionTests : IDisposable
{
    private const int Number = (int)EmulatedPoint.ThreadNumberIs;
    private const ulong Page = EmulatedPoint.Page, Pointer = EmulatedPoint.ThreadPointerIs;

    private readonly EmulatedPoint point = new();
    private readonly ProbeProgram program = ProbeProgram.Of(null, new StackAction(EmulatedPoint.ThreadNumberOffset)).Value;
    private readonly (ulong, ulong) code;

    public StackActionTests()
    {
        Assert.Null(program.Check(point.Graph, point.Point));
        code = point.Emit(program, LiveSet.All);
        point.Clear(program);
    }

    public void Dispose() => point.Dispose();

    /// <summary>A new thread may come out of a system call on a stack with nothing above; and where the stack pointer has been set nobody knows what is.</summary>
    [Fact]
    public void WhereTheStackMayBeEmpty_NothingIsCopied()
    {
        using var calls = new EmulatedPoint(c =>
        {
            c.mov(eax, 56);
            c.syscall();
            c.ret();
        });
        Assert.Null(program.Check(calls.Graph, new Point(calls.Graph.Entry, 0)));
        Assert.Equal(Reasons.StackMayBeNew, program.Check(calls.Graph, new Point(calls.Graph.Entry, 2))!.Reason);
        using var switches = new EmulatedPoint(c =>
        {
            c.mov(rsp, __qword_ptr[rdi]);
            c.pop(rbp);
            c.ret();
        });
        Assert.Equal(Reasons.CallerNotKnown, program.Check(switches.Graph, new Point(switches.Graph.Entry, 1))!.Reason);
    }

    [Theory]
    [InlineData(24)]
    [InlineData(1024)]
    [InlineData(4096 - 24)]
    public void WithoutARow_ItEndsWithThePage(int bytes) => AssertCopied(EmulatedPoint.StackEnd - Page - (ulong)bytes, bytes / 8, []);

    /// <summary>The return address is 16 bytes above the stack pointer: its page is there, too.</summary>
    [Theory]
    [InlineData(8, 512 + 1)]
    [InlineData(16, 512 + 2)]
    [InlineData(24, 3)]
    public void TheReturnAddress_IsCopied_WhereverItLies(int bytes, int words) => AssertCopied(EmulatedPoint.StackEnd - Page - (ulong)bytes, words, []);

    [Theory]
    [InlineData(40, 512 + 5)]
    [InlineData(4096 + 64, 1008)]
    public void WithARow_ItGoesOn_UpToItsEnd_OrWhatARecordHolds(int bytes, int words) =>
        AssertCopied(EmulatedPoint.StackEnd - Page - (ulong)bytes, words, [new StackBounds(Number, Pointer, EmulatedPoint.StackStart, EmulatedPoint.StackEnd)]);

    [Fact]
    public void ARowThatEndsInThePage_EndsTheCopy() =>
        AssertCopied(EmulatedPoint.StackEnd - 1024, 3, [new StackBounds(Number, Pointer, EmulatedPoint.StackStart, EmulatedPoint.StackEnd - 1000)]);

    /// <summary>Another thread's row, an earlier thread's of the same number, another stack.</summary>
    [Theory]
    [InlineData(Number + StackAction.Rows, Pointer, 0UL, 0UL)]
    [InlineData(Number, Pointer + 64, 0UL, 0UL)]
    [InlineData(Number, Pointer, Page * 3, 0UL)]
    [InlineData(Number, Pointer, 0UL, Page * 2)]
    public void ARowOfAnother_IsNotUsed(int number, ulong pointer, ulong above, ulong below) =>
        AssertCopied(EmulatedPoint.StackEnd - Page - 256, 32, [new StackBounds(number, pointer, EmulatedPoint.StackStart + above, EmulatedPoint.StackEnd - below)]);

    [Fact]
    public void ARowThatWasClosed_IsNotUsed()
    {
        StackAction.Give(new StackBounds(Number, Pointer, EmulatedPoint.StackStart, EmulatedPoint.StackEnd), Store);
        StackAction.Close(Number, Store);
        AssertCopied(EmulatedPoint.StackEnd - Page - 256, 32, []);
    }

    /// <summary>The detector: a row that promises too much.</summary>
    [Fact]
    public void Detector_SeesAReadBehindTheStack()
    {
        StackAction.Give(new StackBounds(Number, Pointer, EmulatedPoint.StackStart, EmulatedPoint.StackEnd + Page), Store);
        var state = point.Arrive(new Random(1));
        state.General[MachineState.Rsp] = EmulatedPoint.StackEnd - 512;
        Assert.NotNull(point.Pass(code, state, LiveSet.All));
    }

    [Fact]
    public void CopiesThatNobodyReads_AreLost_AndCounted()
    {
        var state = point.Arrive(new Random(1));
        for (var i = 0; i < 100; i++) Assert.Null(point.Pass(code, state, LiveSet.All));
        var records = Drain();
        Assert.Equal(100UL, (ulong)records.Count + TraceAction.LostOf(w => point.SharedWord(program, w)));
        Assert.InRange(records.Count, 50, 99);
    }

    private void AssertCopied(ulong stackPointer, int words, IReadOnlyList<StackBounds> rows)
    {
        foreach (var row in rows) StackAction.Give(row, Store);
        var content = new byte[EmulatedPoint.StackEnd - EmulatedPoint.StackStart];
        var state = point.Arrive(new Random(1));
        new Random(2).NextBytes(content);
        point.WriteStack(content);
        state.General[MachineState.Rsp] = stackPointer;
        Assert.Null(point.Pass(code, state, LiveSet.All));
        var record = Assert.Single(Drain());
        Assert.Equal(stackPointer, record.StackPointer);
        Assert.Equal(point.WordsFrom(stackPointer, words), record.Words);
        Assert.Equal(record.Words[^1], record.Word(stackPointer + 8 * (ulong)words - 8));
        Assert.Null(record.Word(stackPointer + 8 * (ulong)words - 7));
        Assert.Null(record.Word(stackPointer - 8));
    }

    private List<StackRecord> Drain()
    {
        var records = new List<StackRecord>();
        StackAction.Drain(w => point.SharedWord(program, w), (word, value) => point.StoreWord(program.Words + word, value), records, givesUp: false);
        return records;
    }

    private void Store(int word, ulong value) => point.StoreWord(program.Words + word, value);
}
