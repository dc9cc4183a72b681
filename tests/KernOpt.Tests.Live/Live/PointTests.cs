using KernOpt.Code.Graphs;
using KernOpt.Live;
using KernOpt.Live.Points;
using KernOpt.Target;
using KernOpt.Tests.Live.Linux;
using Xunit;

namespace KernOpt.Tests.Live.Live;

/// <summary>Counters before instructions of every awkward kind, of a program that checks its own results.</summary>
public sealed class PointTests
{
    private static readonly string[] Functions =
        ["p_flags", "p_redzone", "p_rip", "p_rep", "p_lock", "p_call", "p_loop", "p_vex", "p_endbr", "p_rcx", "p_tail", "p_carry", "p_deep"];

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    public void EachInstruction_IsCountedExactly_AndResultsStayRight(int threads)
    {
        using var program = NativeProgram.Start("points.c");
        using var subject = new Subject(program.Pid);
        var probed = Functions.Select(f => new Probed(subject, subject.GraphOf(f))).ToList();
        program.WriteLine($"1000 {threads}");
        Assert.Equal("ok", program.ReadLine());
        foreach (var function in probed) function.AssertConsistent(1000UL * (ulong)threads);
        // A second function that is called by others of them.
        Assert.Equal(4000UL * (ulong)threads, probed[2].EntryCount);
        Assert.True(subject.RevertAll().IsTextRestored);
        Assert.Empty(subject.TextDifferences);
        program.WriteLine("1000 2");
        Assert.Equal("ok", program.ReadLine());
    }

    [Fact]
    public void PlacedAndTakenOutWhileFourThreadsRun_ResultsStayRight()
    {
        using var program = NativeProgram.Start("points.c");
        using var subject = new Subject(program.Pid);
        var graphs = Functions.Select(subject.GraphOf).ToList();
        program.WriteLine("3000000 4");
        var answer = Task.Run(program.ReadLine);
        var rounds = 0;
        var seen = 0UL;
        for (; rounds < 300 && !answer.IsCompleted; rounds++)
        {
            var ladder = subject.Live.Ladder();
            var placements = graphs.SelectMany(g => ladder.Plan(g, g.Blocks.SelectMany(Points)).Placements).ToList();
            var report = subject.Live.InstallPoints(placements, new CountProgram(), "test").Value;
            Assert.Empty(report.Refused);
            seen += report.Installed.Word(0, 0);
            Assert.True(subject.Live.Revert(report.Installed.Id).Value.IsTextRestored);
        }
        Assert.True(rounds > 10, $"{rounds} rounds before the program was done");
        Assert.True(seen > 0);
        subject.RevertAll();
        Assert.Empty(subject.TextDifferences);
        program.Dispose();
    }

    [Fact]
    public void AllFourRungs_AreUsed_AndAPointInTakenTextIsRefused()
    {
        using var program = NativeProgram.Start("points.c");
        using var subject = new Subject(program.Pid);
        var ladder = subject.Live.Ladder();
        var graphs = Functions.Select(subject.GraphOf).ToList();
        var used = graphs.SelectMany(g => g.Blocks.SelectMany(Points).Select(p => subject.Live.Ladder().RungOf(g, p, out _))).OfType<Rung>().ToHashSet();
        Assert.Equal([Rung.Jump, Rung.Call, Rung.EarlierJump, Rung.Springboard], used.Order());

        var first = new Point(graphs[0].Entry, 0);
        Assert.NotEmpty(ladder.Plan(graphs[0], [first]).Placements);
        var again = ladder.Plan(graphs[0], [first]);
        Assert.Equal(Reasons.PointTaken, Assert.Single(again.Unplaced).Why.Reason);
    }

    [Fact]
    public void PointsThatAnotherKernoptLeft_AreListedAndRevertedByALaterOne()
    {
        using var program = NativeProgram.Start("points.c");
        using (var first = new Subject(program.Pid)) _ = new Probed(first, first.GraphOf("p_loop"));
        using var later = new Subject(program.Pid);
        Assert.Single(later.Live.Points);
        program.WriteLine("10 1");
        Assert.Equal("ok", program.ReadLine());
        Assert.Equal(10UL, later.Live.Points[0].Word(0, 0));
        Assert.True(later.RevertAll().IsTextRestored);
        Assert.Empty(later.TextDifferences);
    }

    private static IEnumerable<Point> Points(BasicBlock block) => Enumerable.Range(0, block.Instructions.Length).Select(i => new Point(block, i));

    /// <summary>A function with a counter before every instruction that takes one.</summary>
    private sealed class Probed
    {
        private readonly FunctionGraph graph;
        private readonly InstalledPoints installed;
        private readonly Dictionary<Point, int> words = [];

        public Probed(Subject subject, FunctionGraph graph)
        {
            this.graph = graph;
            var plan = subject.Live.Ladder().Plan(graph, graph.Blocks.SelectMany(Points));
            var report = subject.Live.InstallPoints(plan.Placements, new CountProgram(), "test").Value;
            Assert.Empty(report.Refused);
            installed = report.Installed;
            foreach (var (placement, offset) in plan.Placements.Zip(report.Offsets))
            {
                foreach (var (index, n) in placement.Points.Select((index, n) => (index, n))) words[new Point(placement.Block, index)] = offset + n;
            }
        }

        public ulong EntryCount => CountOf(graph.Entry)!.Value;

        /// <summary>Within a block all counts are one; along edges what goes in comes out; and the function was entered as often as it was called.</summary>
        public void AssertConsistent(ulong calls)
        {
            Assert.NotEmpty(words);
            foreach (var block in graph.Blocks)
            {
                var counts = words.Where(w => w.Key.Block == block).Select(w => installed.Word(w.Value, 0)).Distinct().ToList();
                Assert.True(counts.Count <= 1, $"{graph.Function}, block {block.Index}: {string.Join(", ", counts)}");
            }
            foreach (var block in graph.Blocks.Where(b => b != graph.Entry && b.Predecessors.All(p => graph.Blocks[p].Successors.Length == 1)))
            {
                var incoming = block.Predecessors.Select(p => CountOf(graph.Blocks[p])).ToList();
                if (CountOf(block) is { } count && incoming.TrueForAll(c => c is not null)) Assert.Equal(incoming.Aggregate(0UL, (sum, c) => sum + c!.Value), count);
            }
            foreach (var block in graph.Blocks.Where(b => b.Successors.Length == 2 && b.Successors.All(s => graph.Blocks[s].Predecessors.Length == 1)))
            {
                var outgoing = block.Successors.Select(s => CountOf(graph.Blocks[s])).ToList();
                if (CountOf(block) is { } count && outgoing.TrueForAll(c => c is not null)) Assert.Equal(outgoing.Aggregate(0UL, (sum, c) => sum + c!.Value), count);
            }
            if (graph.Function.DisplayName is "p_rip" or "p_deep") Assert.True(EntryCount > calls);
            else Assert.Equal(calls, EntryCount);
        }

        private ulong? CountOf(BasicBlock block) =>
            words.Where(w => w.Key.Block == block).Select(w => (ulong?)installed.Word(w.Value, 0)).FirstOrDefault();
    }
}
