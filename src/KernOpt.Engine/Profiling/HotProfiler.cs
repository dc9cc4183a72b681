using System.Diagnostics;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Measure.Profiles;
using KernOpt.Target;

namespace KernOpt.Engine.Profiling;

/// <summary>The hot functions of one profile, and the report of it.</summary>
public sealed record HotResult(HotReport Report, IReadOnlyList<HotFunction<Function>> Ranked)
{
    /// <summary>CPU time of all threads, as far as sampled: what the shares are shares of.</summary>
    public required double CpuSeconds { get; init; }
}

/// <summary>Samples a target for a time and shares the samples out to functions; time in a version counts for its function.</summary>
public static class HotProfiler
{
    private const int FunctionsWithBlocks = 10;
    private const double SmallestBlockShare = 0.001;

    private static readonly TimeSpan DrainEvery = TimeSpan.FromMilliseconds(50);

    public static async Task<Outcome<HotResult>> RunAsync(Session session, TimeSpan time, int hertz, IProgress<string> progress, CancellationToken cancellation)
    {
        if (!session.Target.StartSampling(new SamplingRequest(hertz)).Try(out var sampler, out var why)) return why;
        using (sampler)
        {
            var profile = new HotProfile<Function>(session.FunctionAt);
            var batch = new List<Sample>();
            var clock = Stopwatch.StartNew();
            long lost = 0;
            while (clock.Elapsed < time && !cancellation.IsCancellationRequested && session.Target.State == TargetState.Alive)
            {
                await Pause.For(DrainEvery < time - clock.Elapsed ? DrainEvery : time - clock.Elapsed, cancellation).ConfigureAwait(false);
                lost += sampler.Drain(batch);
                profile.Add(batch);
                batch.Clear();
                progress.Report($"{clock.Elapsed.TotalSeconds:0.0} s, {profile.Samples} samples");
            }
            if (session.Target.State != TargetState.Alive) return await Ending.OfAsync(session, cancellation).ConfigureAwait(false);
            var seconds = clock.Elapsed.TotalSeconds;
            var ranked = profile.Ranked();
            var rows = ranked.Select(f => new HotRow(f.Key.DisplayName, f.Key.Module.Name, f.Share, f.ShareInterval.Low, f.ShareInterval.High, f.Samples)).ToList();
            return new HotResult(new HotReport(session.Target.Name, seconds, sampler.Source, profile.Samples, lost, sampler.CostSeconds / seconds, rows, Blocks(session, ranked)), ranked) { CpuSeconds = profile.CpuSeconds };
        }
    }

    /// <summary>The hot blocks of the hottest functions; what cannot be parsed has none.</summary>
    private static List<HotBlockRow> Blocks(Session session, IReadOnlyList<HotFunction<Function>> ranked)
    {
        var rows = new List<HotBlockRow>();
        foreach (var hot in ranked.Take(FunctionsWithBlocks))
        {
            if (!session.Parse(hot.Key).Try(out var graph, out _) || hot.CpuSeconds <= 0) continue;
            var loops = LoopForest.Of(graph, Dominators.Of(graph));
            rows.AddRange(graph.Blocks.Select(b => new HotBlockRow(hot.Key.DisplayName, b.Start, hot.Share * hot.SecondsIn(AddressRange.Between(b.Start, b.Close)) / hot.CpuSeconds, loops.DepthOf(b.Index)))
                .Where(r => r.Share >= SmallestBlockShare));
        }
        return [.. rows.OrderByDescending(r => r.Share)];
    }
}
