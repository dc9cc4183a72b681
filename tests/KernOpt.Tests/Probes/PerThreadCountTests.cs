using KernOpt.Code.Bodies;
using KernOpt.Probes;
using KernOpt.Probes.Actions;
using Xunit;

namespace KernOpt.Tests.Probes;

/// <summary>Threads with a slot and without one, in an emulated machine; where one of them goes before the others, and where none does.</summary>
public abstract class PerThreadCountTests : IDisposable
{
    private readonly EmulatedPoint point = new();
    private readonly ProbeProgram program;
    private readonly (ulong, ulong) code;
    private readonly MachineState state;

    private readonly bool hasFirst;

    private PerThreadCountTests(bool hasFirst)
    {
        this.hasFirst = hasFirst;
        program = ProbeProgram.Of(null, new PerThreadCountAction(EmulatedPoint.ThreadNumberOffset, hasFirst)).Value;
        code = point.Emit(program, LiveSet.All);
        point.Clear(program);
        state = point.Arrive(new Random(1));
    }

    private ulong Count => PerThreadCountAction.Read(point.Word);

    public sealed class WithAFirst() : PerThreadCountTests(hasFirst: true);

    public sealed class AllAlike() : PerThreadCountTests(hasFirst: false);

    public void Dispose()
    {
        point.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public void ThreadsWithAndWithoutASlot_AreAllCounted()
    {
        Pass(7, 3);
        Assert.Equal(3UL, point.Word(0));
        PerThreadCountAction.GiveSlots([7, 8], point.Word, point.StoreWord);
        Pass(7, 5);
        Pass(8, 2);
        Pass(9, 1);
        Assert.Equal(4UL, point.Word(0));
        Assert.Equal(11UL, Count);
    }

    /// <summary>Numbers that want the same slot: the first has it, and keeps it.</summary>
    [Fact]
    public void ASlot_HasOneOwner()
    {
        PerThreadCountAction.GiveSlots([7, 7 + 256], point.Word, point.StoreWord);
        PerThreadCountAction.GiveSlots([7 + 512], point.Word, point.StoreWord);
        Pass(7, 2);
        Pass(7 + 256, 3);
        Pass(7 + 512, 4);
        Assert.Equal(7UL, point.Word(0));
        Assert.Equal(9UL, Count);
    }

    /// <summary>Who has counted most is given the first place, and counts on there, where there is one.</summary>
    [Fact]
    public void TheFirstPlace_IsTheOneOfWhoCountsMost()
    {
        PerThreadCountAction.GiveSlots([7, 8], point.Word, point.StoreWord);
        Pass(7, 200);
        Pass(8, 1200);
        PerThreadCountAction.GiveSlots([7, 8], point.Word, point.StoreWord);
        Assert.Equal(8UL, point.Word(8));
        Pass(7, 1);
        Pass(8, 10);
        Pass(9, 1);
        Assert.Equal((hasFirst ? 10UL : 0UL, 1UL), (point.Word(16), point.Word(0)));
        Assert.Equal(1412UL, Count);
    }

    /// <summary>A word of 0 is nobody's number: such threads count together.</summary>
    [Fact]
    public void ThreadsWithoutANumber_OwnNothing()
    {
        var words = new ulong[program.Words];
        program.Prepare(words);
        for (var i = 0; i < words.Length; i++) point.StoreWord(i, words[i]);
        Pass(0, 5);
        Assert.Equal(5UL, point.Word(0));
    }

    private void Pass(uint thread, int times)
    {
        point.SetThreadNumber(thread);
        for (var i = 0; i < times; i++) Assert.Null(point.Pass(code, state, LiveSet.All));
    }
}
