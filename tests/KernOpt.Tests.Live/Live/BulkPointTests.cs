using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Live;
using KernOpt.Live.Points;
using Xunit;

namespace KernOpt.Tests.Live.Live;

/// <summary>Thousands of counters in Debian's redis-server, hundreds of pages among them.</summary>
public sealed class BulkPointTests
{
    private const int Wanted = 5000;

    [Fact]
    public async Task ThousandsOfCounters_OfAnotherKernopt_AreTakenOutByALaterOne_AndMemoryIsAsBefore()
    {
        using var server = new RedisServer();
        using (var warm = server.StartBenchmark(2000)) await warm.WaitForExitAsync(TestContext.Current.CancellationToken);
        var before = Maps(server);
        using (var first = new Subject(server.Pid))
        using (first.Target.TryLockForChange().Value)
        {
            var (placed, pages) = Place(first);
            Assert.True(placed > Wanted * 9 / 10 && pages > 100, $"{placed} placed, {pages} pages");
            using (var load = server.StartBenchmark(2000)) await load.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.True(first.Live.Points.Sum(p => Enumerable.Range(0, p.Points).Sum(i => (double)p.Word(i, 0))) > 10_000);
        }
        using var later = new Subject(server.Pid);
        using var held = later.Target.TryLockForChange().Value;
        var report = later.RevertAll();
        Assert.True(report.IsTextRestored, string.Join("; ", report.Problems.Take(5)));
        Assert.Empty(later.TextDifferences);
        // What the server's own allocator has taken meanwhile is its own.
        Assert.DoesNotContain(Maps(server), m => m.Contains("kernopt", StringComparison.Ordinal));
        Assert.Equal(before.Where(IsOfAFile), Maps(server).Where(IsOfAFile));
        Assert.Equal("+PONG", server.Ask("PING"));
    }

    private static (int Placed, int Pages) Place(Subject subject)
    {
        var module = subject.Image.Modules.Single(m => m.Location.IsMainProgram);
        var ladder = subject.Live.Ladder();
        var entries = InteriorEntries.Of(module, subject.Live.Source);
        var placements = new List<Placement>();
        foreach (var function in module.Functions)
        {
            if (placements.Count >= Wanted) break;
            if (!FunctionParser.Parse(function, subject.Live.Source).Try(out var graph, out _) || FunctionTraits.Analyze(graph, subject.Live.Source).IsJudgedByPlace) continue;
            placements.AddRange(ladder.Plan(graph, graph.Blocks.Select(b => new Point(b, 0)),
                entries.Into(graph).Concat(UnreachedCode.Of(graph, subject.Live.Source).BranchTargets).ToHashSet(), isPlaceFree: true).Placements);
        }
        var placed = 0;
        foreach (var batch in placements.OrderByDescending(p => p.Page).Chunk(LiveCode.MostPlacements))
        {
            var report = subject.Live.InstallPoints(batch, new CountProgram(), "test").Value;
            placed += batch.Length - report.Refused.Count;
        }
        return (placed, placements.Select(p => p.Page.Value).Distinct().Count() - 1);
    }

    private static string[] Maps(RedisServer server) => File.ReadAllLines($"/proc/{server.Pid}/maps");

    private static bool IsOfAFile(string line) => line.Contains('/', StringComparison.Ordinal);
}
