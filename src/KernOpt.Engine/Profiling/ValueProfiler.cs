using System.Collections.Immutable;
using System.Diagnostics;
using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Live;
using KernOpt.Measure.Profiles;
using KernOpt.Measure.Statistics;
using KernOpt.Target;
using KernOpt.Validate;

namespace KernOpt.Engine.Profiling;

/// <summary>The recorded calls of a function: those of its arguments that the probe could see, in the order of the profile, and some of the tuples as they were.</summary>
public sealed record ValuesResult(ValuesReport Report, ValueProfile Profile, ImmutableArray<EntryArgument> Arguments, ImmutableArray<ArgumentTuple> Seeds);

/// <summary>
/// Puts a sampling probe before a function for a time and takes it out again. Calls that are not sampled cost two instructions and two jumps.
/// </summary>
public static class ValueProfiler
{
    private const int KeptTuples = 512;
    private const int TopValuesShown = 5;
    private const int CallersShown = 10;
    private const int Hertz = 997;

    /// <summary>What a recorded call and one that is only counted down cost, in seconds: measured, and rounded up.</summary>
    private const double RecordedCost = 100e-9, PassedCost = 2e-9;

    private static readonly TimeSpan DrainEvery = TimeSpan.FromMilliseconds(10);

    public static async Task<Outcome<ValuesResult>> RunAsync(Session session, string name, TimeSpan time, int oneIn, IProgress<string> progress, CancellationToken cancellation)
    {
        if (!session.ParseNamed(name).Try(out _, out var why)) return why;
        if (!session.Change().Try(out _, out why)) return why;
        return session.ParseNamed(name).Try(out var graph, out why)
            ? await RunAsync(session, graph, time, oneIn, progress, cancellation).ConfigureAwait(false)
            : why;
    }

    /// <summary>The session must have claimed the target. Ends early after this many recorded calls.</summary>
    public static async Task<Outcome<ValuesResult>> RunAsync(Session session, FunctionGraph graph, TimeSpan time, int oneIn, IProgress<string> progress,
        CancellationToken cancellation, long enough = long.MaxValue)
    {
        var arguments = EntryArguments.Of(graph);
        if (!Redirection.Of(session, graph, [.. arguments.Select(a => a.Register)]).Try(out var redirection, out var why)) return why;
        var redirect = redirection.Redirect;
        var before = redirect.Current.AtRest;
        try
        {
            if (!session.Live.AddProbe(redirect, (uint)oneIn, then: before).Try(out var probe, out why)) return why;
            try
            {
                if (!redirect.Switch(Arm.Probe(probe.Id)).Try(out _, out why)) return why;
                return await ReadAsync(session, graph, redirect, arguments, probe, time, enough, progress, cancellation).ConfigureAwait(false);
            }
            finally
            {
                redirect.Switch(before);
                session.Live.Revert(probe.Id);
            }
        }
        finally
        {
            redirection.ReleaseIfUnused(session);
        }
    }

    private static async Task<Outcome<ValuesResult>> ReadAsync(Session session, FunctionGraph graph, Redirect redirect, ImmutableArray<EntryArgument> arguments, ValueProbe probe,
        TimeSpan time, long enough, IProgress<string> progress, CancellationToken cancellation)
    {
        // A register that the site no longer has is recorded as 0: that is no value of the argument.
        arguments = [.. arguments.Where(a => IsKnown(probe.KnownArguments, NumberOf(a.Register)))];
        var profile = new ValueProfile(arguments.Length);
        var records = new List<ProbeRecord>();
        var seeds = new List<ArgumentTuple>();
        DateTimeOffset? firstCallAt = null;
        using var sampler = session.Target.StartSampling(new SamplingRequest(Hertz)).Try(out var started, out _) ? started : null;
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < time && profile.Calls < enough && !cancellation.IsCancellationRequested && session.Target.State == TargetState.Alive)
        {
            await Pause.For(DrainEvery, cancellation).ConfigureAwait(false);
            records.Clear();
            if (probe.Drain(records) > 0) firstCallAt ??= TimeProvider.System.GetUtcNow();
            foreach (var record in records) profile.Add([.. arguments.Select(a => ValueOf(record, a))], record.ReturnAddress);
            // The latest: what their pointers lead to is the likeliest to be there still.
            seeds.AddRange(records.Select(r => new ArgumentTuple(r.Rdi, r.Rsi, r.Rdx, r.Rcx, r.R8, r.R9)));
            if (seeds.Count > KeptTuples) seeds.RemoveRange(0, seeds.Count - KeptTuples);
            progress.Report($"{graph.Function}: {profile.Calls} calls recorded");
        }
        if (session.Target.State != TargetState.Alive) return await Ending.OfAsync(session, cancellation).ConfigureAwait(false);
        var elapsed = clock.Elapsed.TotalSeconds;
        var self = sampler is null ? null : SelfSeconds(sampler, CodeRanges.Of(session.Live, redirect, graph));
        return new ValuesResult(Report(session, graph, arguments, profile, probe, elapsed, self) with { FirstCallAt = firstCallAt }, profile, arguments, [.. seeds.Distinct().Select(s => Completed(s, probe.KnownArguments, Random.Shared))]);
    }

    private static double? SelfSeconds(ISampler sampler, CodeRanges ranges)
    {
        var samples = new List<Sample>();
        var lost = sampler.Drain(samples);
        return lost > 0 ? null : samples.Where(s => ranges.Contain(s.Ip)).Sum(s => s.Weight * 1e-9);
    }

    /// <summary>What the probe cannot see may be anything: drawn, of any magnitude, so that validation does not take it for a constant.</summary>
    internal static ArgumentTuple Completed(ArgumentTuple seen, int known, Random random)
    {
        ulong Of(ulong value, int number) => IsKnown(known, number) ? value : (ulong)random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64);
        return new(Of(seen.Rdi, 0), Of(seen.Rsi, 1), Of(seen.Rdx, 2), Of(seen.Rcx, 3), Of(seen.R8, 4), Of(seen.R9, 5));
    }

    /// <summary>See <see cref="ValueProbe.KnownArguments"/>.</summary>
    private static bool IsKnown(int known, int number) => (known >> number & 1) != 0;

    private static int NumberOf(Register register) => register switch
    {
        Register.RDI => 0,
        Register.RSI => 1,
        Register.RDX => 2,
        Register.RCX => 3,
        Register.R8 => 4,
        _ => 5,
    };

    /// <summary>The part of the register that the function looks at: the rest may hold anything.</summary>
    private static ulong ValueOf(in ProbeRecord record, EntryArgument argument)
    {
        var value = argument.Register switch
        {
            Register.RDI => record.Rdi,
            Register.RSI => record.Rsi,
            Register.RDX => record.Rdx,
            Register.RCX => record.Rcx,
            Register.R8 => record.R8,
            _ => record.R9,
        };
        return argument.Bits == 32 ? (uint)value : value;
    }

    private static ValuesReport Report(Session session, FunctionGraph graph, ImmutableArray<EntryArgument> arguments, ValueProfile profile, ValueProbe probe, double seconds, double? selfSeconds)
    {
        var recorded = profile.Calls + (long)probe.Lost;
        var calls = recorded * probe.Every;
        var rows = arguments.Select((a, i) => new ArgumentRow(a.Register.ToString().ToLowerInvariant(), a.Bits, (long)profile.Arguments[i].DistinctEstimate,
            profile.Arguments[i].Most?.ShareAtLeast ?? 0,
            [.. profile.Arguments[i].Top(TopValuesShown).Select(v => new ValueRow(v.Value < 1_000_000 ? $"{v.Value}" : $"0x{v.Value:x}", v.Count, v.Share))])).ToList();
        var callers = profile.Callers.Take(CallersShown).Select(c => new CallerRow(NameOf(session, c.ReturnAddress), c.ReturnAddress, c.Share)).ToList();
        return new ValuesReport(session.Target.Name, graph.Function.DisplayName, seconds, calls, calls / seconds, calls > 0 ? selfSeconds * 1e9 / calls : null, probe.Every, profile.Calls, (long)probe.Lost,
            (recorded * RecordedCost + calls * PassedCost) / seconds, null, rows, callers);
    }

    private static string NameOf(Session session, Address returnsTo) =>
        session.FunctionAt(returnsTo) is { } caller ? caller.NameOf(returnsTo) : returnsTo.ToString();
}
