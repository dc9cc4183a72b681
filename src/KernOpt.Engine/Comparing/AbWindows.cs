using System.Diagnostics;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Live;
using KernOpt.Measure.Comparing;
using KernOpt.Target;
using ComparedArm = KernOpt.Measure.Comparing.Arm;
using SwitchArm = KernOpt.Live.Arm;

namespace KernOpt.Engine.Comparing;

/// <summary>The windows of one comparison: throws the switch, counts, samples, and feeds blocks to the experiment until it has a verdict.</summary>
internal sealed class AbWindows(Session session, ISampler sampler, Redirect redirect, InstalledVersion version, CodeRanges ranges, AbConditions conditions)
{
    /// <summary>After a throw of the switch, calls that came in before it still run: this long is not measured.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(2);

    private readonly AbExperiment experiment = new(conditions.Settings);
    private readonly WindowSchedule schedule = new(Random.Shared.Next());
    private readonly List<Sample> samples = [];

    public async Task<Outcome<AbResult>> RunAsync(IProgress<string> progress, CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        while (experiment.Verdict is null && !cancellation.IsCancellationRequested && clock.Elapsed < conditions.Longest)
        {
            if (session.Target.State != TargetState.Alive) return await Ending.OfAsync(session, cancellation).ConfigureAwait(false);
            var (first, second) = schedule.NextBlock();
            if (!(await MeasureAsync(first, cancellation).ConfigureAwait(false)).Try(out var one, out var why)
                || !(await MeasureAsync(second, cancellation).ConfigureAwait(false)).Try(out var two, out why))
            {
                // A block that the user cut short is no block; what was measured before it stands.
                if (why.Reason == Reasons.Interrupted) break;
                return why;
            }
            experiment.Add(new AbBlock(one, two));
            progress.Report($"{redirect.FunctionName}: block {experiment.Blocks.Count} of {conditions.Settings.Blocks}");
        }
        var verdict = experiment.Finish();
        return new AbResult(Report(verdict, clock.Elapsed), verdict, experiment.Blocks);
    }

    private async Task<Outcome<AbWindow>> MeasureAsync(ComparedArm arm, CancellationToken cancellation)
    {
        var isVersion = arm == ComparedArm.Version && !conditions.IsSelf;
        if (!redirect.Switch(isVersion ? SwitchArm.CountedVersion(version.Id) : SwitchArm.CountedOriginal).Try(out _, out var why)) return why;
        await Pause.For(Settling, cancellation).ConfigureAwait(false);
        sampler.Drain(samples);
        samples.Clear();
        if (conditions.Objective is { } begun && !(await begun.StartAsync(cancellation).ConfigureAwait(false)).Try(out _, out why)) return why;
        var calls = Calls(isVersion);
        var clock = Stopwatch.StartNew();
        await Pause.For(conditions.Window, cancellation).ConfigureAwait(false);
        if (cancellation.IsCancellationRequested) return Reasons.Interrupted.With(redirect.FunctionName);
        calls = Calls(isVersion) - calls;
        var length = clock.Elapsed;
        var lost = sampler.Drain(samples);
        double? objective = null;
        if (conditions.Objective is { } ended)
        {
            if (!(await ended.EndAsync(cancellation).ConfigureAwait(false)).Try(out var value, out why)) return why;
            objective = value;
        }
        var own = samples.Where(s => ranges.Contain(s.Ip)).ToList();
        return new AbWindow(arm, length, (long)calls, own.Sum(s => (long)s.Weight))
        {
            Samples = own.Count,
            Objective = objective,
            WasDisturbed = lost > 0,
        };
    }

    private ulong Calls(bool isVersion) => isVersion ? version.Calls : redirect.OriginalCalls;

    private AbReport Report(Verdict verdict, TimeSpan elapsed)
    {
        var windows = experiment.Blocks.SelectMany(b => new[] { b.First, b.Second }).ToList();
        double Cost(ComparedArm arm)
        {
            var own = windows.Where(w => w.Arm == arm).ToList();
            return (double)own.Sum(w => w.SelfCpuNanoseconds) / Math.Max(1, own.Sum(w => w.Calls));
        }
        var name = session.Program.FunctionAt(redirect.Function.Start)?.DisplayName ?? redirect.FunctionName;
        return new AbReport(session.Target.Name, version.Id, name, verdict.KindText, verdict.Effect, verdict.Interval.Low, verdict.Interval.High,
            verdict.PValue, conditions.Settings.Confidence, conditions.Settings.Metric.ToString(), verdict.Basis.BlocksUsed, verdict.Basis.BlocksExcluded,
            Cost(ComparedArm.Original), Cost(ComparedArm.Version), "ns of CPU per call", windows.Sum(w => w.Calls), elapsed.TotalSeconds,
            verdict.Test, verdict.Why,
            [.. experiment.Blocks.Select(b => AbTest.LogRatio(b, conditions.Settings.Metric)).OfType<double>().Select(Math.Exp)], conditions.IsSelf);
    }
}
