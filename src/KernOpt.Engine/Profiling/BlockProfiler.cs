using System.Collections.Immutable;
using System.Diagnostics;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Engine.Journaling;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Live;
using KernOpt.Target;
using KernOpt.Validate;

namespace KernOpt.Engine.Profiling;

/// <summary>Counts how often each block of a function is run, by a moved copy that counts, for a time.</summary>
public static class BlockProfiler
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// Executions by the start of each block. The session must have claimed the target. The copy that counts is validated as any version is, from the same seeds;
    /// what fails there is not run.
    /// </summary>
    public static async Task<Outcome<IReadOnlyDictionary<Address, long>>> RunAsync(Session session, FunctionGraph graph, ImmutableArray<ArgumentTuple> seeds, ValidationLimits limits, TimeSpan time,
        IProgress<string> progress, CancellationToken cancellation)
    {
        if (!Redirection.Of(session, graph).Try(out var redirection, out var why)) return why;
        var redirect = redirection.Redirect;
        var before = redirect.Current.AtRest;
        try
        {
            var check = new VersionCheck(session, graph, redirect) { Seeds = seeds, Limits = limits };
            if (!BodyBuilder.Copy(graph, redirect.Site, withFullEntry: false).Then(body => Install(check, body)).Try(out var counting, out why))
            {
                if (why.Reason == Reasons.VersionDiffers) session.Note(JournalKind.Mismatch, graph.Function.DisplayName, $"no copy that counts its blocks: {why}", reason: why.Reason);
                return why;
            }
            try
            {
                if (!redirect.Switch(Arm.Version(counting.Version.Id)).Try(out _, out why)) return why;
                progress.Report($"{graph.Function}: counting blocks");
                var clock = Stopwatch.StartNew();
                while (clock.Elapsed < time && !cancellation.IsCancellationRequested && session.Target.State == TargetState.Alive)
                {
                    await Pause.For(Look < time - clock.Elapsed ? Look : time - clock.Elapsed, cancellation).ConfigureAwait(false);
                }
                if (session.Target.State != TargetState.Alive) return await Ending.OfAsync(session, cancellation).ConfigureAwait(false);
                return counting.Counts();
            }
            finally
            {
                redirect.Switch(before);
                session.Live.Revert(counting.Version.Id);
            }
        }
        finally
        {
            redirection.ReleaseIfUnused(session);
        }
    }

    private sealed record Counting(InstalledVersion Version, IReadOnlyDictionary<Address, int> Words)
    {
        public Dictionary<Address, long> Counts() => Words.ToDictionary(w => w.Key, w => (long)Version.Word(w.Value));
    }

    private static Outcome<Counting> Install(VersionCheck check, FunctionBody body)
    {
        var words = body.Order.Select(b => b.Origin).OfType<Address>().Distinct().Select((origin, index) => (origin, index)).ToDictionary(w => w.origin, w => w.index);
        FunctionBody Counted(Func<int, Address> word) => BlockCounters.Add(body, b => b.Origin is { } origin ? word(words[origin]) : null);
        // Any address in reach gives the same lengths.
        return CodeLayout.UpperBound(Counted(_ => check.Redirect.Code.Start)).Then(most =>
            check.Session.Live.InstallVersion(check.Redirect, new VersionRequest(VersionKind.Counting, "", most, place =>
                CodeLayout.Encode(Counted(place.Word), place.Code).Then(encoded => check.Run(encoded, place).Then<EncodedCode>(_ => encoded))) { Words = words.Count })
                .Then<Counting>(version => new Counting(version, words)));
    }
}
