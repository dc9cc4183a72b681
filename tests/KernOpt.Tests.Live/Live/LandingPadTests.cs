using KernOpt.Code.Graphs;
using KernOpt.Live.Points;
using KernOpt.Target;
using KernOpt.Tests.Live.Linux;
using Xunit;

namespace KernOpt.Tests.Live.Live;

/// <summary>Counters where exceptions come back into a function, in a program that throws all the time and checks its own results.</summary>
public sealed class LandingPadTests
{
    private static readonly string[] Functions = ["t_throw", "t_clean", "t_catch", "t_loop"];

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void EachException_IsCountedWhereItIsCleanedUpBehindAndCaught_AndResultsStayRight(int threads)
    {
        using var program = NativeProgram.StartFile(NativeProgram.Compile("throws.cc", "-O2 -pthread -lstdc++"));
        using var subject = new Subject(program.Pid);
        var graphs = Functions.Select(subject.GraphOf).ToList();
        Assert.Equal([false, true, true, true], graphs.Select(g => g.LandingPads.Length > 0));
        Assert.All(graphs, g => Assert.Equal(0, UnreachedCode.Of(g, subject.Live.Source).Bytes));

        var ladder = subject.Live.Ladder();
        var placed = new List<(Placement Placement, int Index)>();
        foreach (var graph in graphs)
        {
            var entries = InteriorEntries.Of(graph.Function.Module, subject.Live.Source).Into(graph).ToHashSet();
            var points = graph.Blocks.SelectMany(b => Enumerable.Range(0, b.Instructions.Length).Select(i => new Point(b, i)));
            placed.AddRange(ladder.Plan(graph, points, entries, isPlaceFree: false).Placements.SelectMany(p => p.Asked.Select((index, n) => (p, n))));
        }
        var placements = placed.Select(p => p.Placement).Distinct().ToList();
        var report = subject.Live.InstallPoints(placements, new CountProgram(), "test").Value;
        Assert.Empty(report.Refused);
        program.WriteLine($"600 {threads}");
        Assert.Equal("ok", program.ReadLine());

        // Of 3,600 calls every third throws an unsigned long; three times a round t_loop throws and catches an int.
        // (It has another one for what catching itself may throw, which never happens.)
        var counts = graphs.Select(graph => graph.LandingPads.SelectMany(pad => CountsIn(graph.Blocks[pad])).Where(c => c > 0).Distinct().ToList()).ToList();
        Assert.Equal([[], [1200UL * (ulong)threads], [1200UL * (ulong)threads], [1800UL * (ulong)threads]], counts);
        Assert.True(subject.RevertAll().IsTextRestored);
        Assert.Empty(subject.TextDifferences);
        program.WriteLine("100 2");
        Assert.Equal("ok", program.ReadLine());

        IEnumerable<ulong> CountsIn(BasicBlock block) => placements.Zip(report.Offsets).Where(p => p.First.Block == block)
            .SelectMany(p => p.First.Asked.Select((_, n) => report.Installed.Word(p.Second + n, 0)));
    }
}
