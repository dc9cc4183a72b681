using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Engine.Journaling;
using KernOpt.Live;
using KernOpt.Target;

namespace KernOpt.Engine.Sessions;

/// <summary>
/// One kernopt at work on one target: its program as parsed so far, what is installed in it, the journal, and, from the first change on, the sole right
/// to change it. Not for use by several threads at once.
/// </summary>
public sealed class Session : IDisposable
{
    private readonly Dictionary<Address, Outcome<FunctionGraph>> graphs = [];
    private readonly Dictionary<ModuleImage, CallGraph> callGraphs = [];
    private readonly Dictionary<ModuleImage, InteriorEntries> interiorEntries = [];
    private readonly JournalWriter writer;
    private IDisposable? claimed;

    private Session(ITarget target, ProgramImage program, LiveCode live, Journal journal)
    {
        Target = target;
        Program = program;
        Live = live;
        Journal = journal;
        writer = new JournalWriter(journal);
    }

    public ITarget Target { get; }
    public ProgramImage Program { get; }
    public Journal Journal { get; }

    /// <summary>What is installed, for looking; ask <see cref="Change"/> before anything is changed.</summary>
    public LiveCode Live { get; private set; }

    /// <param name="target">Stays the caller's to dispose.</param>
    /// <param name="journal">Stays the caller's to dispose.</param>
    public static Outcome<Session> Open(ITarget target, Journal journal)
    {
        if (!ProgramImage.Read(target).Try(out var program, out var why)) return why;
        if (!LiveCode.Open(target, program).Try(out var live, out why)) return why;
        return new Session(target, program, live, journal);
    }

    /// <summary>Claims the target; from then on nobody else changes it, so what was read before is read again.</summary>
    public Outcome<LiveCode> Change()
    {
        if (claimed is not null) return Live;
        if (!Target.TryLockForChange().Try(out var right, out var why)) return why;
        if (!LiveCode.Open(Target, Program).Try(out var live, out why))
        {
            right.Dispose();
            return why;
        }
        claimed = right;
        graphs.Clear();
        // What an earlier session took out and could not give back yet, since a thread was still in it.
        live.Collect(unmapsEmpty: false);
        return Live = live;
    }

    /// <summary>The function's graph as it was before any change of ours; parsed once. A refusal is remembered too.</summary>
    public Outcome<FunctionGraph> Parse(Function function)
    {
        if (!graphs.TryGetValue(function.Start, out var graph)) graphs[function.Start] = graph = FunctionParser.Parse(function, Live.Source);
        return graph;
    }

    /// <summary>The function by name, and its graph.</summary>
    public Outcome<FunctionGraph> ParseNamed(string name) => Program.Find(name).Then(Parse);

    /// <summary>The function that an address belongs to; code in a region belongs to the function that it is a version of.</summary>
    public Function? FunctionAt(Address address)
    {
        if (Program.FunctionAt(address) is { } own) return own;
        foreach (var redirect in Live.Redirects)
        {
            if (CodeRanges.Placed(Live, redirect).Any(r => r.Contains(address))) return Program.FunctionAt(redirect.Function.Start);
        }
        return null;
    }

    /// <summary>Direct callers in the function's own module. The first question about a module parses all of it.</summary>
    public IReadOnlyList<(Function Caller, CallSite Site)> CallersOf(Function function)
    {
        if (!callGraphs.TryGetValue(function.Module, out var calls)) callGraphs[function.Module] = calls = CallGraph.Build(function.Module, Live.Source);
        return calls.CallersOf(function);
    }

    /// <summary>What direct callers read after a call of the function.</summary>
    public LiveSet ResultsOf(Function function) => ResultRegisters.Of(function, callee =>
        CallersOf(callee).SelectMany(c => Parse(c.Caller).Try(out var graph, out _) ? new[] { (graph, c.Site) } : []));

    /// <summary>Where code outside the graph enters it elsewhere than at the function's start. The first question about a module decodes all of it.</summary>
    public IEnumerable<Address> EntriesInto(FunctionGraph graph) => EntriesOf(graph.Function.Module).Into(graph);

    /// <summary>The same for any bytes of the function, whether the graph knows of them or not.</summary>
    public IEnumerable<Address> EntriesWithin(Function function) => EntriesOf(function.Module).Within(function.Range).Where(e => e != function.Start);

    private InteriorEntries EntriesOf(ModuleImage module)
    {
        if (!interiorEntries.TryGetValue(module, out var entries)) interiorEntries[module] = entries = InteriorEntries.Of(module, Live.Source);
        return entries;
    }

    /// <summary>Forgets what was parsed in modules that have gone, and finds those that have come (dlopen, dlclose): answers which.</summary>
    public Outcome<ImageChange> Refresh()
    {
        if (!Program.Refresh().Try(out var change, out var why)) return why;
        if (change.Unloaded.Length == 0) return change;
        graphs.Clear();
        NoReturnAnalysis.Forget(Live.Source);
        return change;
    }

    /// <summary>Every decision, at once, on the thread that made it.</summary>
    public event Action<JournalEntry>? Noted;

    /// <summary>Has a decision appended, and does not wait for that. A journal that cannot be written never hurts the target: see <see cref="JournalFailure"/>.</summary>
    public void Note(JournalKind kind, string function, string text, ulong version = 0, Reason? reason = null, System.Text.Json.Nodes.JsonObject? evidence = null)
    {
        var entry = new JournalEntry
        {
            Kind = kind,
            Time = TimeProvider.System.GetUtcNow(),
            Target = Target.Identity,
            TargetName = Target.Name,
            Function = function,
            Version = version == 0 ? "" : $"{version}",
            Reason = reason,
            Text = text,
            Evidence = evidence ?? [],
        };
        Noted?.Invoke(entry);
        writer.Post(entry);
    }

    /// <summary>Why the journal lacks an entry of this session; to be asked when it is disposed.</summary>
    public Refusal? JournalFailure => writer.Failure;

    public void Dispose()
    {
        claimed?.Dispose();
        writer.Dispose();
    }
}
