using System.Diagnostics;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Probes;
using KernOpt.Probes.Actions;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>Has code run before instructions of the target for a time, and tells what it recorded.</summary>
public static class ProbeRun
{
    /// <summary>
    /// Claims the target. Ended by the caller while it measures, or by the target's end, it answers what was recorded until then. Refused when the request cannot be read, no
    /// place can be found, nothing could be put anywhere, or it was ended before all was in.
    /// </summary>
    public static async Task<Outcome<ProbeReport>> RunAsync(Session session, ProbeRequest request, TimeSpan time, IProgress<string> progress, CancellationToken cancellation)
    {
        if (!request.Compile(session).Try(out var program, out var why)) return why;
        if (!session.Change().Try(out _, out why)) return why;
        Leftovers.TakeOutPoints(session);
        if (!request.ParsePlaces(session, program.Action).Try(out var places, out why)) return why;
        var refusals = new RefusalCount();
        var clock = Stopwatch.StartNew();
        if (!PlaceSearch.Plan(session, places, program, refusals, cancellation).Try(out var plans, out why)) return why;
        program = Cheaper(session, program, plans.Sum(p => p.Placements.Sum(l => l.Points.Length)));
        var planned = clock.Elapsed;
        using var probes = new PlacedProbes(session, program, $"{program.Action}", refusals, progress);
        clock.Restart();
        probes.Install(plans, cancellation);
        var placed = clock.Elapsed;
        if (cancellation.IsCancellationRequested) return Reasons.Interrupted.With("");
        if (probes.Points.Count == 0) return Nothing(refusals);
        var readings = await ReadAsync(session, program, probes, time, cancellation).ConfigureAwait(false);
        clock.Restart();
        var notes = await probes.RemoveAsync(cancellation).ConfigureAwait(false);
        return new ProbeReport(session.Target.Name, $"{program.Action}", request.When, readings.Seconds, planned.TotalSeconds, placed.TotalSeconds, clock.Elapsed.TotalSeconds, probes.Points.Count,
            readings.Rows, readings.Trace, readings.Times, refusals.Rows(), notes);
    }

    private static async Task<ProbeReadings> ReadAsync(Session session, ProbeProgram program, PlacedProbes probes, TimeSpan time, CancellationToken cancellation) => program.Action switch
    {
        ValuesAction values => await ValueReadings.ReadAsync(session, program, values, probes, time, cancellation).ConfigureAwait(false),
        TraceAction trace => await TraceReadings.ReadAsync(session, trace, probes, time, cancellation).ConfigureAwait(false),
        TimeAction => await TimeReadings.ReadAsync(session.Target, program, probes, time, cancellation).ConfigureAwait(false),
        _ => await CountReadings.ReadAsync(session.Target, program, probes, time, cancellation).ConfigureAwait(false),
    };

    /// <summary>A count with a slot for each thread, where there is room for them and threads can be told apart. It goes wherever the other does.</summary>
    private static ProbeProgram Cheaper(Session session, ProbeProgram program, int points) =>
        program.Action is CountAction && points <= PerThreadCountAction.MostPoints && session.Target.FindThreadNumberOffset().Try(out var offset, out _)
        && ProbeProgram.Of(program.When, new PerThreadCountAction(offset)).Try(out var cheaper, out _) ? cheaper : program;

    private static Refusal Nothing(RefusalCount refusals)
    {
        var rows = refusals.Rows();
        return rows.Count == 0 ? Reasons.NoPoint.With("") : rows[0].Reason.With(rows[0].Detail ?? rows[0].Examples[0]);
    }
}
