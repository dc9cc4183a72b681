using KernOpt.Code.Graphs;
using KernOpt.Live;
using KernOpt.Live.Points;
using KernOpt.Live.Points.Copying;
using KernOpt.Target;
using KernOpt.Tests.Live.Linux;
using Xunit;

namespace KernOpt.Tests.Live.Live;

/// <summary>Counters at places that no single store reaches, in a program that checks its own results while they come and go.</summary>
public sealed class CopiedPointTests
{
    private static readonly string[] Functions = ["c_join", "c_call", "c_loop", "c_recur", "c_tail", "c_deep", "c_hold"];
    private static readonly HashSet<Address> NoEntries = [];
    private const int Rounds = 1000;

    /// <summary>How often each of a function's last block's instructions is run in a call of it with 0, 1, … 19.</summary>
    private static readonly Dictionary<string, ulong> PassagesInTwentyCalls = new()
    {
        ["c_join"] = 20,
        ["c_call"] = 20,
        ["c_loop"] = 20,
        ["c_recur"] = (ulong)Enumerable.Range(0, 20).Sum(i => (i & 7) + 1),
        ["c_tail"] = 20,
        ["c_deep"] = 20,
    };

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void LastInstruction_IsReachedByACopyAlone_AndCountedExactly(int threads)
    {
        using var program = Start();
        using var subject = new Subject(program.Pid);
        var before = Maps(program);
        foreach (var (name, expected) in PassagesInTwentyCalls)
        {
            var graph = subject.GraphOf(name);
            var placement = Assert.Single(Plan(subject, graph, [Last(graph)]).Placements);
            Assert.Equal((name, Rung.Copy), (name, placement.Rung));
            Assert.Equal(name == "c_call", placement.MovesCalls && name != "c_recur");
            var report = subject.Live.InstallPoints([placement], new CountProgram(), "test").Value;
            Assert.Empty(report.Refused);
            Run(program, threads);
            Assert.Equal((name, expected * Rounds / 20 * (ulong)threads), (name, report.Installed.Word(0, 0)));
            Assert.True(subject.Live.Revert(report.Installed.Id).Value.IsTextRestored);
        }
        Assert.True(subject.RevertAll().IsTextRestored);
        Assert.Empty(subject.TextDifferences);
        Assert.Equal(before, Maps(program));
        Run(program, 2);
    }

    /// <summary>Places of other rungs beside, and places that lie in each other's way.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void EveryInstruction_OfAllFunctionsAtOnce_CountsAgreeAlongTheBlocks(int threads)
    {
        using var program = Start();
        using var subject = new Subject(program.Pid);
        var (placements, report) = InstallAll(subject);
        Assert.Contains(placements, p => p is { Rung: Rung.Copy, MovesCalls: true });
        Assert.Contains(placements, p => p is { Rung: Rung.Copy, AskedPoints.Length: > 1 });
        Run(program, threads);
        var counts = placements.Zip(report.Offsets).SelectMany(p => p.First.AskedPoints.Select((point, n) => (p.First.Graph, Point: point, Count: report.Installed.Word(p.Second + n, 0)))).ToList();
        foreach (var block in counts.GroupBy(c => c.Point.Block)) Assert.Single(block.Select(c => c.Count).Distinct());
        foreach (var (name, expected) in PassagesInTwentyCalls)
        {
            var last = Assert.Single(counts, c => c.Point.At == Last(subject.GraphOf(name)).At);
            Assert.Equal((name, expected * Rounds / 20 * (ulong)threads), (name, last.Count));
        }
        Assert.True(subject.Live.RevertAll().IsTextRestored);
        // Calls of the copies have left return addresses behind, also on the stacks of threads that have ended: they are written over.
        Run(program, threads);
        subject.RevertAll();
        Assert.Empty(subject.TextDifferences);
        Run(program, 2);
    }

    /// <summary>What makes the others exact: a planted fault, one of the ways in left as it was.</summary>
    [Fact]
    public void OneWayLeftOut_IsSeenInTheCount()
    {
        using var program = Start();
        using var subject = new Subject(program.Pid);
        var graph = subject.GraphOf("c_join");
        var placement = Assert.Single(Plan(subject, graph, [Last(graph)]).Placements);
        var part = placement.Part!;
        Assert.Equal(2, part.Ways.Length);
        var lacking = placement with { Part = new CopiedPart([.. part.Pieces.Where(p => p.Way != part.Ways[0])], part.Points) };
        var installed = subject.Live.InstallPoints([lacking], new CountProgram(), "test").Value.Installed;
        Run(program, 1);
        Assert.NotEqual((ulong)Rounds, installed.Word(0, 0));
        Assert.True(subject.RevertAll().IsTextRestored);
    }

    /// <summary>The return address of the call lies in the copy: that stays until the call has returned.</summary>
    [Fact]
    public void TakenOutWhileAThreadIsInACallOfTheCopy_TheCopyStaysUntilItHasReturned()
    {
        using var program = Start();
        using var subject = new Subject(program.Pid);
        var before = Maps(program);
        var graph = subject.GraphOf("c_hold");
        var placement = Assert.Single(Plan(subject, graph, [Last(graph)]).Placements);
        Assert.True(placement is { Rung: Rung.Copy, MovesCalls: true });
        var installed = subject.Live.InstallPoints([placement], new CountProgram(), "test").Value.Installed;
        Ask(program, "0 -1");
        Assert.Equal(0UL, installed.Word(0, 0));
        var report = subject.Live.RevertAll();
        Assert.True(report is { IsTextRestored: true, Draining: 1 }, $"{report}");
        Assert.Empty(subject.TextDifferences);
        Ask(program, "0 -2");
        Assert.True(subject.RevertAll().IsTextRestored);
        Assert.Equal(before.Where(m => m.Contains("kernopt", StringComparison.Ordinal)), Maps(program).Where(m => m.Contains("kernopt", StringComparison.Ordinal)));
        Run(program, 2);
    }

    [Fact]
    public void CallInFlightWhenPutIn_ReturnsToTheOriginal_AndIsNotCounted()
    {
        using var program = Start();
        using var subject = new Subject(program.Pid);
        var graph = subject.GraphOf("c_hold");
        Ask(program, "0 -1");
        var installed = subject.Live.InstallPoints(Plan(subject, graph, [Last(graph)]).Placements, new CountProgram(), "test").Value.Installed;
        Ask(program, "0 -2");
        Assert.Equal(0UL, installed.Word(0, 0));
        Ask(program, "0 -1");
        Ask(program, "0 -2");
        Assert.Equal(1UL, installed.Word(0, 0));
        Assert.True(subject.RevertAll().IsTextRestored);
    }

    [Fact]
    public void CallsMayNotBeMoved_OrAJumpTableLeadsThere_IsRefused()
    {
        using var program = Start();
        using var subject = new Subject(program.Pid);
        var graph = subject.GraphOf("c_call");
        var ladder = subject.Live.Ladder();
        Assert.Null(ladder.RungOf(graph, Last(graph), NoEntries, isPlaceFree: false, out var why));
        Assert.Contains("the call at", why!.Detail, StringComparison.Ordinal);
        Assert.Equal(Rung.Copy, ladder.RungOf(graph, Last(graph), NoEntries, isPlaceFree: false, out _, () => true));
        var table = subject.GraphOf("c_switch");
        Assert.Null(ladder.RungOf(table, Last(table), NoEntries, isPlaceFree: false, out why, () => true));
        Assert.Contains("jump table", why!.Detail, StringComparison.Ordinal);
        // Where others come in unseen some passages would be missed.
        var join = subject.GraphOf("c_join");
        Assert.Null(ladder.RungOf(join, Last(join), new HashSet<Address> { Last(join).At }, isPlaceFree: false, out why, () => true));
        Assert.Contains("entered from elsewhere", why!.Detail, StringComparison.Ordinal);
    }

    /// <summary>What one plan has executed elsewhere no later one may change, as long as it is in: nobody would come there.</summary>
    [Fact]
    public void TextOfTheCopy_IsTakenForLaterPlans_UntilItIsOut()
    {
        using var program = Start();
        using var subject = new Subject(program.Pid);
        var graph = subject.GraphOf("c_deep");
        var placement = Assert.Single(Plan(subject, graph, [Last(graph)]).Placements);
        var installed = subject.Live.InstallPoints([placement], new CountProgram(), "test").Value.Installed;
        using (var later = new Subject(program.Pid))
        {
            var inner = placement.Part!.Pieces.Where(p => p.Way is null).SelectMany(p => Enumerable.Range(0, p.Stop).Select(i => new Point(p.Block, i))).ToList();
            Assert.NotEmpty(inner);
            Assert.All(inner, p => Assert.Null(later.Live.Ladder().RungOf(graph, p, NoEntries, isPlaceFree: false, out _, () => true)));
        }
        Assert.True(subject.Live.Revert(installed.Id).Value.IsTextRestored);
        Assert.Single(Plan(subject, graph, [Last(graph)]).Placements);
        Assert.True(subject.RevertAll().IsTextRestored);
    }

    [Fact]
    public async Task PutInAndTakenOutWhileFourThreadsRun_ResultsStayRight_AndMemoryIsAsBefore()
    {
        using var program = Start();
        using var subject = new Subject(program.Pid);
        var before = Maps(program);
        var (placed, seen) = (0, 0UL);
        for (var rounds = 0; rounds < 60 && placed < 20; rounds++)
        {
            program.WriteLine("1000000 4");
            var answer = Task.Run(program.ReadLine);
            while (!answer.IsCompleted)
            {
                var (_, report) = InstallAll(subject);
                seen += Enumerable.Range(0, report.Installed.Points).Aggregate(0UL, (sum, i) => sum + report.Installed.Word(i, 0));
                Assert.True(subject.Live.Revert(report.Installed.Id).Value.IsTextRestored);
                placed++;
            }
            Assert.Equal("ok", await answer);
        }
        Assert.True(placed >= 20 && seen > 1000, $"{placed} times, {seen} counted");
        Assert.True(subject.RevertAll().IsTextRestored);
        Assert.Empty(subject.TextDifferences);
        Assert.Equal(before, Maps(program));
    }

    [Fact]
    public void WriterKilledAtRandomInstants_AFreshRunTakesAllOut()
    {
        using var program = Start();
        var before = Maps(program);
        Writer.KillAtRandomInstants(program, Functions, new Random(5));
        using var subject = new Subject(program.Pid);
        using (subject.Target.TryLockForChange().Value)
        {
            Assert.True(subject.RevertAll().IsTextRestored);
            Assert.Empty(subject.TextDifferences);
        }
        Assert.Equal(before, Maps(program));
        Run(program, 4);
    }

    /// <summary>With all its threads started once: their stacks are kept.</summary>
    private static NativeProgram Start()
    {
        var program = NativeProgram.Start("copies.c");
        Ask(program, "10 4");
        return program;
    }

    private static void Run(NativeProgram program, int threads) => Ask(program, $"{Rounds} {threads}");

    private static void Ask(NativeProgram program, string what)
    {
        program.WriteLine(what);
        Assert.Equal("ok", program.ReadLine());
    }

    private static string[] Maps(NativeProgram program) => File.ReadAllLines($"/proc/{program.Pid}/maps");

    private static Point Last(FunctionGraph graph) => new(graph.Blocks[^1], graph.Blocks[^1].Instructions.Length - 1);

    private static PlacementPlan Plan(Subject subject, FunctionGraph graph, IEnumerable<Point> points) => subject.Live.Ladder().Plan(graph, points, NoEntries, isPlaceFree: false, () => true);

    private static (IReadOnlyList<Placement> Placements, PointsReport Report) InstallAll(Subject subject)
    {
        var ladder = subject.Live.Ladder();
        var placements = Functions.Select(subject.GraphOf)
            .SelectMany(g => ladder.Plan(g, g.Blocks.SelectMany(b => b.Instructions.Select((_, i) => new Point(b, i))), NoEntries, isPlaceFree: false, () => true).Placements).ToList();
        var report = subject.Live.InstallPoints(placements, new CountProgram(), "test").Value;
        Assert.Empty(report.Refused);
        return (placements, report);
    }
}
