using KernOpt.Engine.Probing;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Sessions;
using KernOpt.Probes.Actions;
using KernOpt.Target;

namespace KernOpt.Engine.Blaming;

/// <summary>One function with its probes in, and what was seen of it at the ends of slices of time.</summary>
internal sealed class MeasuredFunction(Session session, BreakdownPoints points, RefusalCount refusals) : IDisposable
{
    private static readonly Silence Silent = new();

    private readonly List<BreakdownTimes> seen = [];
    private readonly List<ulong> times = [];
    private (ulong NoRoom, ulong Replaced) missedBefore;
    private double secondsPerTick;

    public PlacedProbes Probes { get; } = new(session, points.Program, $"{points.Action}", refusals, Silent);

    public long Calls => (long)(seen[^1].Ended - seen[0].Ended);

    /// <summary>Known when it has ended.</summary>
    public long Lost { get; private set; }

    /// <summary>Refused where not all of it came in, together.</summary>
    public Outcome<Done> Install(CancellationToken cancellation)
    {
        Probes.Install(points.Plans, cancellation);
        if (cancellation.IsCancellationRequested) return Reasons.Interrupted.With("");
        if (Probes.Sets.Count != 1 || Probes.Incomplete.Count > 0) return Reasons.NotTimed.With($"{points.Graph.Function}: {refusals.Rows().Select(r => r.Detail ?? $"{r.Reason}").LastOrDefault() ?? "it has too many calls"}");
        missedBefore = BreakdownAction.Missed(Probes.Sets[0].SharedWord);
        return Done.It;
    }

    public void Look()
    {
        var now = session.Target.ReadTimeStamp();
        seen.Add(points.Action.Read(Probes.Points.Select(p => (p.Graph, p.Point, (Func<int, ulong>)(w => p.Word(points.Program.ActionWords + w)))), Probes.Sets[0].SharedWord, now));
        times.Add(now);
    }

    /// <summary>To be called while the probes are in.</summary>
    public void End(double seconds)
    {
        secondsPerTick = times[^1] > times[0] ? seconds / (times[^1] - times[0]) : 0;
        var (noRoom, replaced) = BreakdownAction.Missed(Probes.Sets[0].SharedWord);
        Lost = (long)(noRoom - missedBefore.NoRoom + replaced - missedBefore.Replaced);
    }

    /// <summary>Seconds inside, by slice. A call that ends between two readings of one look is taken into the next.</summary>
    public IReadOnlyList<double> Inside() => [.. seen.Zip(seen.Skip(1), (a, b) => Grown(a.Cycles, b.Cycles))];

    public IEnumerable<(Address Site, Address? Target, long Calls, IReadOnlyList<double> Seconds)> Parts() => seen.SelectMany(s => s.Parts.Keys).Distinct().Select(key =>
        (key.Site, key.Target, (long)(CallsOf(seen[^1], key) - CallsOf(seen[0], key)), (IReadOnlyList<double>)[.. seen.Zip(seen.Skip(1), (a, b) => Grown(CyclesOf(a, key), CyclesOf(b, key)))]));

    public void Dispose() => Probes.Dispose();

    private double Grown(ulong from, ulong to) => (long)(to - from) * secondsPerTick;

    private static ulong CyclesOf(BreakdownTimes times, (Address, Address?) key) => times.Parts.GetValueOrDefault(key).Cycles;

    private static ulong CallsOf(BreakdownTimes times, (Address, Address?) key) => times.Parts.GetValueOrDefault(key).Calls;

    private sealed class Silence : IProgress<string>
    {
        public void Report(string value)
        {
        }
    }
}
