using System.Globalization;
using KernOpt.Code.Graphs;
using KernOpt.Live;
using KernOpt.Live.Points;
using KernOpt.Target;
using KernOpt.Tests.Live.Linux;
using Xunit;

namespace KernOpt.Tests.Live.Live;

/// <summary>Counters that are reached by punned jumps of each length, in a program that checks its own results while they come and go.</summary>
public sealed class PunnedPointTests
{
    private static readonly string[] Straight = ["q_cross", "q_one", "q_two", "q_three", "q_four", "q_flags"];
    private static readonly string[] Calls = ["q_call1", "q_call2", "q_call3", "q_call4"];
    private static readonly string[] Functions = [.. Straight, .. Calls, "q_loop"];
    private static readonly HashSet<Address> NoEntries = [];

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void EveryInstruction_IsCountedExactly_AndMemoryIsAsBefore(int threads)
    {
        using var program = Start();
        using var subject = new Subject(program.Pid);
        var before = Maps(program);
        var plans = Plan(subject);
        Assert.Equal([Rung.Call, .. Enumerable.Repeat(Rung.PunnedCall, 3)], plans.Skip(Straight.Length).Take(Calls.Length).Select(p => Assert.Single(p.Placements).Rung));
        // The loop's own return has padding behind it, which serves as well.
        Assert.All(plans.Take(Straight.Length).Append(plans[^1]).SelectMany(p => p.Placements), p => Assert.Equal(p.Padded > 0 ? Rung.Jump : Rung.PunnedJump, p.Rung));
        Assert.Single(plans.SelectMany(p => p.Placements), p => p.Padded > 0);
        Assert.Empty(plans.SelectMany(p => p.Unplaced));
        var installed = Install(subject, plans);
        program.WriteLine($"1000 {threads}");
        Assert.Equal("ok", program.ReadLine());
        var calls = 1000UL * (ulong)threads;
        var straight = plans.SkipLast(1).Sum(p => p.Placements.Sum(q => q.Points.Length));
        Assert.All(Enumerable.Range(0, straight), i => Assert.Equal(calls, installed.Word(i, 0)));
        // The loop: as often as it was entered, and as often as the program's own numbers say.
        var rounds = Enumerable.Range(0, 1000).Aggregate(0UL, (sum, i) => sum + ((i % 3 == 0 ? unchecked((uint)i * 0x9e3779b9u) : (uint)i % 20) & 15)) * (ulong)threads;
        Assert.Equal([calls, rounds, calls], new[] { straight, installed.Points - 2, installed.Points - 1 }.Select(i => installed.Word(i, 0)));

        Assert.Contains(Maps(program), m => m.EndsWith("/memfd:kernopt-stones (deleted)", StringComparison.Ordinal) && m.Contains("r-xp", StringComparison.Ordinal));
        Assert.True(subject.RevertAll().IsTextRestored);
        Assert.Empty(subject.TextDifferences);
        Assert.Equal(before, Maps(program));
        program.WriteLine("1000 2");
        Assert.Equal("ok", program.ReadLine());
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
                // The pages of the last ones may still be draining: then some have no place to come down on.
                var plans = Plan(subject).Where(p => p.Placements.Count > 0).ToList();
                var installed = Install(subject, plans);
                seen += Enumerable.Range(0, installed.Points).Aggregate(0UL, (sum, i) => sum + installed.Word(i, 0));
                Assert.True(subject.Live.Revert(installed.Id).Value.IsTextRestored);
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
    public void WriterKilledAtRandomInstants_AFreshRunTakesOutTextAndPages()
    {
        using var program = Start();
        var before = Maps(program);
        Writer.KillAtRandomInstants(program, Functions, new Random(3));
        using var subject = new Subject(program.Pid);
        using (subject.Target.TryLockForChange().Value)
        {
            Assert.True(subject.RevertAll().IsTextRestored);
            Assert.Empty(subject.TextDifferences);
        }
        Assert.Equal(before, Maps(program));
        Assert.DoesNotContain(Directory.EnumerateFiles($"/proc/{program.Pid}/fd"), f => File.ResolveLinkTarget(f, false)?.FullName.Contains("kernopt", StringComparison.Ordinal) == true);
        program.WriteLine("1000 4");
        Assert.Equal("ok", program.ReadLine());
    }

    [Fact]
    public void ForkedChild_CountsToo_AndKeepsThePagesForAsLongAsItLives()
    {
        using var program = Start();
        var before = Maps(program);
        using var subject = new Subject(program.Pid);
        var plans = Plan(subject);
        var installed = Install(subject, plans);
        program.WriteLine("1000 -1");
        Assert.Equal("ok", program.ReadLine());
        Assert.Equal(1000UL, installed.Word(0, 0));

        program.WriteLine("0 -2");
        var pid = int.Parse(program.ReadLine(), CultureInfo.InvariantCulture);
        Assert.True(subject.Live.RevertAll() is { IsTextRestored: true, Draining: 1 });
        Assert.NotEqual(before, Maps(program));
        using (var child = new Subject(pid))
        {
            Assert.True(child.Live.RevertAll().IsTextRestored);
            Assert.Empty(child.TextDifferences);
        }
        program.WriteLine("0 -3");
        Assert.Equal("ok", program.ReadLine());
        Assert.True(subject.RevertAll().IsTextRestored);
        Assert.Equal(before, Maps(program));
    }

    [Fact]
    public void PagesThatAnotherKernoptMapped_AreTakenOutByALaterOne()
    {
        using var program = Start();
        var before = Maps(program);
        using (var first = new Subject(program.Pid)) Install(first, Plan(first));
        using var later = new Subject(program.Pid);
        program.WriteLine("10 1");
        Assert.Equal("ok", program.ReadLine());
        Assert.Equal(10UL, Assert.Single(later.Live.Points).Word(0, 0));
        Assert.True(later.RevertAll().IsTextRestored);
        Assert.Empty(later.TextDifferences);
        Assert.Equal(before, Maps(program));
    }

    /// <summary>With all its threads started once: their stacks are kept.</summary>
    private static NativeProgram Start()
    {
        var program = NativeProgram.Start("puns.c");
        program.WriteLine("10 4");
        Assert.Equal("ok", program.ReadLine());
        return program;
    }

    private static string[] Maps(NativeProgram program) => File.ReadAllLines($"/proc/{program.Pid}/maps");

    private static List<PlacementPlan> Plan(Subject subject)
    {
        var ladder = subject.Live.Ladder();
        return [.. Functions.Select(subject.GraphOf).Select(g => ladder.Plan(g, Points(g), NoEntries, isPlaceFree: false))];
    }

    private static InstalledPoints Install(Subject subject, List<PlacementPlan> plans)
    {
        var report = subject.Live.InstallPoints([.. plans.SelectMany(p => p.Placements)], new CountProgram(), "test").Value;
        Assert.Empty(report.Refused);
        return report.Installed;
    }

    /// <summary>All instructions; of those that only call the call.</summary>
    private static IEnumerable<Point> Points(FunctionGraph graph) =>
        graph.Calls.Length > 0 ? [new Point(graph.Entry, 0)] : graph.Blocks.SelectMany(b => b.Instructions.Select((_, i) => new Point(b, i)));
}
