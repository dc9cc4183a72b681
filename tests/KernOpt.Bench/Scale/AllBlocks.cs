using System.Diagnostics;
using System.IO.Enumeration;
using KernOpt.Engine.Journaling;
using KernOpt.Engine.Probing;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Linux;
using KernOpt.Live.Points;
using KernOpt.Target;

namespace KernOpt.Bench.Scale;

/// <summary>One block's counter as it is now. Place: function and offset; At: where its code runs, as asked.</summary>
internal readonly record struct BlockCount(Address At, string Place, ulong Count);

/// <summary>A counter before each basic block of some modules of a process, as `kernopt probe` puts them.</summary>
internal sealed class AllBlocks : IDisposable
{
    private readonly ProcessTarget target;
    private readonly Journal journal;
    private readonly Session session;
    private readonly IReadOnlyList<PlacementPlan> plans;
    private readonly RefusalCount refusals;
    private PlacedProbes? probes;

    private AllBlocks(ProcessTarget target, Journal journal, Session session, IReadOnlyList<PlacementPlan> plans, RefusalCount refusals) =>
        (this.target, this.journal, this.session, this.plans, this.refusals) = (target, journal, session, plans, refusals);

    /// <summary>Points that there are plans for.</summary>
    public int Planned => plans.Sum(p => p.Placements.Sum(l => l.Points.Length));

    /// <summary>Blocks that take no point, and functions that are not resolved, by reason.</summary>
    public string Refused => string.Join(", ", refusals.Rows().Select(r => $"{r.Count} {r.Reason}"));

    public static Outcome<AllBlocks> Plan(int pid, IReadOnlyList<string> modules)
    {
        if (!ProcessTarget.Attach(pid).Try(out var target, out var why)) return why;
        var journal = Journal.InMemory().Value;
        if (!Session.Open(target, journal).Try(out var session, out why)) return why;
        if (!session.Change().Try(out _, out why)) return why;
        Leftovers.TakeOutPoints(session);
        var chosen = session.Program.Modules.Where(m => IsMeant(m.Name, modules)).ToList();
        if (chosen.Count == 0) return Reasons.ModuleNotFound.With(string.Join(", ", modules));
        var places = chosen.Select(m => Place.Parse($"{m.Name}!*:blocks", _ => false).Value).ToList();
        var refusals = new RefusalCount();
        if (!PlaceSearch.Plan(session, places, new CountProgram(), refusals, CancellationToken.None).Try(out var plans, out why)) return why;
        return new AllBlocks(target, journal, session, plans, refusals);
    }

    /// <summary>Where the code of modules is mapped in a process.</summary>
    public static Outcome<List<AddressRange>> TextOf(int pid, IReadOnlyList<string> modules)
    {
        if (!ProcessTarget.Attach(pid).Try(out var target, out var why)) return why;
        using (target) return Text(target.ReadMap().Modules, modules);
    }

    /// <summary>Puts in those of the plans [from, to), instead of what is in; answers how many points are in, and the seconds.</summary>
    public (int Points, double Seconds) PutIn(Range part)
    {
        var clock = Stopwatch.StartNew();
        probes = new PlacedProbes(session, new CountProgram(), "scale", refusals, new Silent());
        probes.Install(plans.Take(part), CancellationToken.None);
        return (probes.Points.Count, clock.Elapsed.TotalSeconds);
    }

    /// <summary>Plans in pieces of about so many points.</summary>
    public IEnumerable<Range> Pieces(int points)
    {
        int first = 0, size = 0;
        for (var i = 0; i < plans.Count; i++)
        {
            size += plans[i].Placements.Sum(p => p.Points.Length);
            if (size < points && i + 1 < plans.Count) continue;
            yield return first..(i + 1);
            (first, size) = (i + 1, 0);
        }
    }

    /// <summary>Where two points of one function share an instruction (an endbr64 and what follows), once.</summary>
    public IReadOnlyList<BlockCount> Counts() => [.. probes!.Points.Select(p => new BlockCount(p.Point.BehindEndbr.At, ProbeReadings.PlaceOf(p), p.Word(0)))];

    /// <summary>What could not be taken out, for people, and the seconds.</summary>
    public async Task<(IReadOnlyList<string> Notes, double Seconds)> TakeOutAsync()
    {
        var clock = Stopwatch.StartNew();
        var notes = await probes!.RemoveAsync(CancellationToken.None);
        probes.Dispose();
        probes = null;
        return (notes, clock.Elapsed.TotalSeconds);
    }

    public void Dispose()
    {
        probes?.Dispose();
        session.Dispose();
        journal.Dispose();
        target.Dispose();
    }

    private static bool IsMeant(string name, IReadOnlyList<string> modules) => modules.Any(g => FileSystemName.MatchesSimpleExpression(g, name, ignoreCase: false));

    private static List<AddressRange> Text(IEnumerable<TargetModule> loaded, IReadOnlyList<string> modules) =>
        [.. loaded.Where(m => IsMeant(m.Name, modules)).SelectMany(m => m.Mappings.Where(p => p.Protection.HasFlag(Protection.Execute)).Select(p => p.Range))];

    private sealed class Silent : IProgress<string>
    {
        public void Report(string value)
        {
        }
    }
}
