using System.Diagnostics;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Live;
using KernOpt.Measure.Profiles;
using KernOpt.Target;

namespace KernOpt.Engine.Profiling;

/// <summary>The recorded calls of a function. Arguments are those that the function reads, in the order of the profile.</summary>
public sealed record ValuesResult(ValuesReport Report, ValueProfile Profile, IReadOnlyList<EntryArgument> Arguments, IReadOnlyList<ProbeRecord> Records);

/// <summary>
/// Puts a sampling probe before a function for a time and takes it out again. The calls that are not sampled cost two instructions and two jumps. The cost
/// is measured by counting passages, and the probe is thinned out when it passes the budget.
/// </summary>
public static class ValueProfiler
{
    private const int KeptRecords = 4_096;
    private static readonly TimeSpan DrainEvery = TimeSpan.FromMilliseconds(20);

    public static async Task<Outcome<ValuesResult>> RunAsync(Session session, string name, TimeSpan time, int oneIn, IProgress<string> progress, CancellationToken cancellation)
    {
        if (!session.Program.Find(name).Try(out var function, out var why)) return why;
        if (!session.Change().Try(out _, out why)) return why;
        return session.Parse(function).Try(out var graph, out why)
            ? await RunAsync(session, graph, time, oneIn, progress, cancellation).ConfigureAwait(false)
            : why;
    }

    /// <summary>The session must have claimed the target.</summary>
    public static async Task<Outcome<ValuesResult>> RunAsync(Session session, FunctionGraph graph, TimeSpan time, int oneIn, IProgress<string> progress, CancellationToken cancellation)
    {
        if (!Redirection.Of(session, graph).Try(out var redirection, out var why)) return why;
        var redirect = redirection.Redirect;
        var before = redirect.Current;
        if (!session.Live.AddProbe(redirect, new ProbeSettings { Every = oneIn, Next = before }).Try(out var probe, out why)) return why;
        var costBefore = session.Target.CpuTime;
        try
        {
            if (!redirect.Switch(Arm.Probe(probe.Id)).Try(out _, out why)) return why;
            return await ReadAsync(session, graph, redirect, probe, time, oneIn, progress, cancellation).ConfigureAwait(false);
        }
        finally
        {
            redirect.Switch(before);
            session.Live.Remove(probe);
            redirection.Release(session);
        }
    }

    private static async Task<Outcome<ValuesResult>> ReadAsync(Session session, FunctionGraph graph, Redirect redirect, ValueProbe probe, TimeSpan time, int oneIn,
        IProgress<string> progress, CancellationToken cancellation)
    {
        var arguments = EntryArguments.Of(graph).ToList();
        var profile = new ValueProfile(arguments.Count);
        var records = new List<ProbeRecord>();
        var kept = new List<ProbeRecord>();
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < time && !cancellation.IsCancellationRequested && session.Target.State == TargetState.Alive)
        {
            await Pause.For(DrainEvery, cancellation).ConfigureAwait(false);
            probe.Drain(records);
            foreach (var record in records) Add(profile, arguments, record);
            kept.AddRange(records.Take(KeptRecords - kept.Count));
            records.Clear();
            progress.Report($"{graph.Function}: {profile.Calls} calls recorded");
        }
        if (session.Target.State != TargetState.Alive) return Reasons.TargetEnded.With(session.Target.Name);
        return new ValuesResult(Report(session, graph, arguments, profile, probe, clock.Elapsed.TotalSeconds, oneIn), profile, arguments, kept);
    }
}
