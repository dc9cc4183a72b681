using KernOpt.Code.Bodies;
using KernOpt.Probes;
using KernOpt.Probes.Actions;
using KernOpt.Probes.Language;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Probes;

/// <summary>What threads have passed before, in an emulated machine.</summary>
public sealed class ThreadMarkTests
{
    /// <summary>A thread is inside from the function's first instruction to its last, recursion and other threads apart; what a longjmp left is forgotten further up.</summary>
    [Fact]
    public void Inside_LastsAsLongAsTheOutermostCall()
    {
        using var point = new EmulatedPoint();
        var inside = new Inside("f", point.Graph.Function.Range, EmulatedPoint.ThreadNumberOffset);
        var program = ProbeProgram.Of(inside, new CountAction()).Value;
        program.Places = MarkPlaces.None with { Asked = new HashSet<Address> { point.Point.At } };
        var live = LiveSet.All;
        var (enter, body, leave) = (point.Emit(program, live, EmulatedPoint.Entry), point.Emit(program, live), point.Emit(program, live, EmulatedPoint.Exit));
        point.Clear(program);
        var state = point.Arrive(new Random(1));
        Assert.Equal(0UL, After(body, -64));
        After(enter, 0);
        Assert.Equal(1UL, After(body, -16));
        After(enter, -128);
        After(leave, -128);
        Assert.Equal(2UL, After(body, -16));
        Assert.Equal(2UL, After(body, -16, thread: 5));
        After(leave, 0);
        Assert.Equal(2UL, After(body, -16));
        After(enter, -128);
        Assert.Equal(2UL, After(body, 0));
        Assert.Equal(2UL, After(body, -256));
        After(enter, -128);
        After(enter, 0);
        After(leave, 0);
        Assert.Equal(2UL, After(body, -256));

        ulong After((ulong, ulong) code, int above, uint thread = EmulatedPoint.ThreadNumberIs)
        {
            point.SetThreadNumber(thread);
            var there = state.Copy();
            there.General[MachineState.Rsp] += (ulong)above;
            Assert.Null(point.Pass(code, there, live));
            return point.Word(program.ActionWords);
        }
    }

    /// <summary>A thread for which there is no row is counted each time: what it is told is not the truth.</summary>
    [Fact]
    public void Threads_ThatFindNoRow_AreCounted()
    {
        using var point = new EmulatedPoint();
        var program = ProbeProgram.Of(new Inside("f", point.Graph.Function.Range, EmulatedPoint.ThreadNumberOffset), new CountAction()).Value;
        var code = point.Emit(program, LiveSet.All);
        point.Clear(program);
        var state = point.Arrive(new Random(1));
        for (uint thread = 0; thread < 10; thread++)
        {
            // One low byte, one place in the table.
            point.SetThreadNumber(256 * thread + 7);
            Assert.Null(point.Pass(code, state, LiveSet.All));
            Assert.Equal(thread < 8 ? 0UL : thread - 7, program.PassagesWithoutMarks(w => point.SharedWord(program, w)));
        }
    }

    /// <summary>Set at one place, cleared at another, asked for at a third, for each thread.</summary>
    [Fact]
    public void Flags_AreEachThreadsOwn()
    {
        using var point = new EmulatedPoint();
        var program = ProbeProgram.Of(new UnaryOperation(UnaryOperator.Not, new Flag("x", EmulatedPoint.ThreadNumberOffset)), new CountAction()).Value;
        Address set = new(point.Graph.Entry.Instructions[0].IP), clear = new(point.Graph.Entry.Instructions[1].IP);
        program.Places = new MarkPlaces(new HashSet<Address> { point.Point.At }, new[] { set }.ToLookup(a => a, _ => "x"), new[] { clear }.ToLookup(a => a, _ => "x"));
        var live = LiveSet.All;
        var (sets, clears, asks) = (point.Emit(program, live, 0), point.Emit(program, live, 1), point.Emit(program, live));
        point.Clear(program);
        var state = point.Arrive(new Random(1));
        Assert.Equal((1UL, 1UL, 2UL, 3UL), (After(asks, 1), After(sets, 1), After(asks, 257), After(asks, 2)));
        Assert.Equal((3UL, 3UL, 4UL), (After(asks, 1), After(clears, 1), After(asks, 1)));

        ulong After((ulong, ulong) code, uint thread)
        {
            point.SetThreadNumber(thread);
            Assert.Null(point.Pass(code, state, live));
            return point.Word(program.ActionWords);
        }
    }
}
