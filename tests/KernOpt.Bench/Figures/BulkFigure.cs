using System.Diagnostics;
using System.Globalization;
using KernOpt.Code.Images;
using KernOpt.Engine.Journaling;
using KernOpt.Engine.Probing;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Sessions;
using KernOpt.Linux;
using KernOpt.Live.Points;

namespace KernOpt.Bench.Figures;

/// <summary>
/// Counters before thousands of basic blocks of a redis-server under redis-benchmark: how long it takes to put them in and to take them out, what a thread of it notices, and what
/// is left. The first round is that of a process whose code the run-time still has to prepare; each has a time of equal length without KernOpt. Arguments: [probes] [rounds].
/// </summary>
internal static class BulkFigure
{
    private const double MostSeconds = 2, MostGapMicroseconds = 1000;

    /// <summary>What may come and go in the allocator of the server between the first round and the last.</summary>
    private const long AllowedKilobytes = 512;

    private static readonly TimeSpan Counting = TimeSpan.FromSeconds(1);

    /// <summary>How long a part of the work took, and how much of the processors all of this process used meanwhile.</summary>
    private readonly record struct Cost(double Seconds, double Processor)
    {
        public override string ToString() => $"{Seconds:0.00} s ({Processor:0.00} s of processors)";
    }

    private sealed record Round(int Asked, int Placed, int Punned, Cost Planning, Cost Placing, Cost Removing, ulong Passages, IReadOnlyList<string> Notes)
    {
        public override string ToString() =>
            $"{Placed} of {Asked} counters ({Punned} punned), {Passages} passages; planned in {Planning}, placed in {Placing}, removed in {Removing}{string.Concat(Notes.Select(n => $"; {n}"))}";
    }

    public static async Task<int> RunAsync(string[] arguments)
    {
        var probes = arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 10_000;
        var rounds = arguments.Length > 1 ? int.Parse(arguments[1], CultureInfo.InvariantCulture) : 4;
        using var watcher = new ClockWatcher();
        using var server = await RedisServer.StartAsync(watcher.Environment);
        using var load = new SteadyLoad(server);
        await Task.Delay(2000);
        var before = await load.SettledAsync();
        var (warm, isRestored) = (before, true);
        var times = new List<double>();
        Gaps with = new(0, 0), without = new(0, 0);
        for (var round = 0; round < rounds; round++)
        {
            using var target = ProcessTarget.Attach(server.Pid).Value;
            using var journal = Journal.InMemory().Value;
            using var session = Session.Open(target, journal).Value;
            watcher.Reset();
            var clock = Stopwatch.StartNew();
            var result = await OnceAsync(session, probes);
            var gaps = watcher.Read();
            var time = clock.Elapsed;
            watcher.Reset();
            await Task.Delay(time);
            var alone = watcher.Read();
            (with, without) = (with | gaps, without | alone);
            if (round > 0 || rounds == 1) times.Add(result.Placing.Seconds + result.Removing.Seconds);
            var (differences, left) = (TargetText.Differences(server.Pid).Count, TargetText.Regions(server.Pid));
            isRestored &= differences == 0 && left.Count == 0 && result.Placed > 0 && result.Passages > 0;
            if (differences > 0 || left.Count > 0) Console.WriteLine($"  {differences} bytes of text are not as before; left: {string.Join(", ", left)}");
            Console.WriteLine($"round {round}{(round == 0 ? ", with the JIT" : "")}: {result}");
            Console.WriteLine($"  longest gap {gaps}; without KernOpt {alone}; longest hold {target.LongestHold.TotalMicroseconds:0} us");
            if (round == 0) warm = await load.SettledAsync();
        }
        var after = await load.SettledAsync();
        await load.StopAsync();
        var median = times.Order().ElementAt(times.Count / 2);
        Console.WriteLine($"placed and removed in {median:0.00} s, the median of rounds after the first ({times.Min():0.00} to {times.Max():0.00}); text restored: {isRestored}; server alive: {server.IsAlive}; client errors: {(load.Errors.Length == 0 ? "none" : load.Errors)}");
        Console.WriteLine($"longest gap of all rounds {with}; without KernOpt {without}: {with.Longest - without.Longest:+0;-0} and {with.Stopped - without.Stopped:+0;-0} us");
        Console.WriteLine($"emptied and without load: {before} before, {warm} after the first round, {after} at the end");
        return median <= MostSeconds && with.Stopped - without.Stopped <= MostGapMicroseconds && isRestored && server.IsAlive && load.Errors.Length == 0
            && after.Mappings == before.Mappings && after.ResidentKilobytes - warm.ResidentKilobytes <= AllowedKilobytes ? 0 : 1;
    }

    private static async Task<Round> OnceAsync(Session session, int wanted)
    {
        session.Change();
        var meter = new Meter();
        var plans = Plan(session, wanted, out var asked);
        var planning = meter.Read();
        using var counters = new PlacedProbes(session, new CountProgram(), "count", new RefusalCount(), new Progress<string>());
        counters.Install(plans, CancellationToken.None);
        var placing = meter.Read();
        var points = counters.Points;
        await Task.Delay(Counting);
        var passages = points.Aggregate(0UL, (sum, p) => sum + p.Word(0));
        meter.Read();
        var notes = await counters.RemoveAsync(CancellationToken.None);
        return new Round(asked, points.Count, points.Count(p => p.Rung is Rung.PunnedJump or Rung.PunnedCall), planning, placing, meter.Read(),
            passages, notes);
    }

    private sealed class Meter
    {
        private long began = Stopwatch.GetTimestamp();
        private TimeSpan processor = Environment.CpuUsage.TotalTime;

        /// <summary>Since the last time.</summary>
        public Cost Read()
        {
            var (before, used) = (began, processor);
            (began, processor) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
            return new Cost(Stopwatch.GetElapsedTime(before, began).TotalSeconds, (processor - used).TotalSeconds);
        }
    }

    /// <summary>
    /// The blocks of some of the program's functions, the same ones each time, here and there in it; with them goes what is known of all its functions, which is asked for when so
    /// many are placed.
    /// </summary>
    private static List<PlacementPlan> Plan(Session session, int wanted, out int asked)
    {
        var module = session.Program.Modules.Single(m => m.Location.IsMainProgram);
        Function[] functions = [.. module.Functions];
        new Random(1).Shuffle(functions);
        var chosen = new List<(Function Function, List<Point> Points)>();
        asked = 0;
        foreach (var function in functions.TakeWhile(_ => wanted > 0))
        {
            if (!session.Parse(function).Try(out var graph, out _) || PointRules.Check(session, graph) is not null) continue;
            var points = graph.Blocks.Where(b => !b.Instructions.IsEmpty).Select(b => new Point(b, 0)).Take(wanted).ToList();
            wanted -= points.Count;
            asked += points.Count;
            chosen.Add((function, points));
        }
        var ladder = session.Live.Ladder();
        var plans = chosen.OrderBy(c => c.Function.Start).Select(c => ladder.Plan(session.Parse(c.Function).Value, c.Points, PointRules.Entries(session, session.Parse(c.Function).Value), isPlaceFree: true)).ToList();
        session.Live.LearnCallees(module, CancellationToken.None);
        return plans;
    }
}
