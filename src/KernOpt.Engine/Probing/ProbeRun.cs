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
        if (!session.Change().Try(out _, out var why)) return why;
        if (!request.Compile(session).Try(out var program, out why)) return why;
        Leftovers.TakeOutPoints(session);
        if (!request.ParsePlaces(session, program.Action).Try(out var places, out why)) return why;
        var refusals = new RefusalCount();
        var clock = Stopwatch.StartNew();
        if (!MarkSearch.Plan(session, request, places, program, refusals, cancellation).Try(out var plans, out why)) return why;
        program = CountChoice.For(session, program, plans);
        var planned = clock.Elapsed;
        using var probes = new PlacedProbes(session, program, $"{program.Action}", refusals, progress);
        clock.Restart();
        probes.Install(plans, cancellation);
        var placed = clock.Elapsed;
        if (cancellation.IsCancellationRequested) return Reasons.Interrupted.With("");
        if (probes.Points.Count == 0) return Nothing(refusals);
        // Words in common are common to one set: what threads pass in another would not be known here.
        if (program.ThreadMarks.Any() && probes.Sets.Count > 1) return Reasons.MarksApart.With($"{probes.Points.Count} places");
        if (MarkSearch.Lacking(session, program, probes.Points) is { } lacking) return lacking;
        var readings = await ReadAsync(session, request, program, probes, time, cancellation).ConfigureAwait(false);
        var unreadable = program.UnreadableWord is { } word ? probes.Points.Sum(p => (long)p.Word(word)) : 0;
        var withoutMarks = probes.Sets.Sum(s => (long)program.PassagesWithoutMarks(s.SharedWord));
        IReadOnlyList<string> marks = withoutMarks == 0 ? [] : [$"{withoutMarks} passages of threads that were not told apart, for more than some 250 have come by: inside and flags did not hold there, and what is counted is not what was asked"];
        clock.Restart();
        var notes = await probes.RemoveAsync(cancellation).ConfigureAwait(false);
        return new ProbeReport(session.Target.Name, request.Action, program.When is { } when ? $"{when}" : null, readings.Seconds, planned.TotalSeconds, placed.TotalSeconds, clock.Elapsed.TotalSeconds, probes.Points.Count,
            [.. readings.Rows.Where(r => program.Places.Asked?.Contains(r.Address) ?? true)], readings.Trace, readings.Times, refusals.Rows(), [.. readings.Notes, .. probes.Notes, .. marks, .. notes]) { Unreadable = unreadable, Stacks = readings.Stacks };
    }

    private static async Task<ProbeReadings> ReadAsync(Session session, ProbeRequest request, ProbeProgram program, PlacedProbes probes, TimeSpan time, CancellationToken cancellation) => program.Action switch
    {
        ValuesAction values => await ValueReadings.ReadAsync(session, program, values, probes, time, cancellation).ConfigureAwait(false),
        TraceAction trace => await TraceReadings.ReadAsync(session, trace, probes, time, cancellation).ConfigureAwait(false),
        StackAction => await StackReadings.ReadAsync(session, probes, time, cancellation).ConfigureAwait(false),
        BreakAction => await BreakReadings.ReadAsync(session, program, probes, request.OnBreak, time, cancellation).ConfigureAwait(false),
        TimeAction => await TimeReadings.ReadAsync(session.Target, program, probes, time, cancellation).ConfigureAwait(false),
        _ => await CountReadings.ReadAsync(session.Target, program, probes, time, cancellation).ConfigureAwait(false),
    };

    private static Refusal Nothing(RefusalCount refusals)
    {
        var rows = refusals.Rows();
        return rows.Count == 0 ? Reasons.NoPoint.With("") : rows[0].Reason.With(rows[0].Detail ?? rows[0].Examples[0]);
    }
}
