using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Engine.Journal;
using KernOpt.Live;
using KernOpt.Target;

namespace KernOpt.Engine.Sessions;

/// <summary>
/// One kernopt at work on one target: its program as parsed so far, its journal, and, from the first change on, the sole right to change it.
/// Not for use by several threads at once.
/// </summary>
public sealed class Session : IDisposable
{
    private readonly Func<Outcome<IDisposable>> claim;
    private readonly Dictionary<Address, Outcome<FunctionGraph>> graphs = [];
    private IDisposable? claimed;
    private LiveCode? live;

    private Session(ITarget target, ProgramImage program, DecisionJournal journal, Func<Outcome<IDisposable>> claim)
    {
        Target = target;
        Program = program;
        Journal = journal;
        this.claim = claim;
    }

    public ITarget Target { get; }
    public ProgramImage Program { get; }
    public DecisionJournal Journal { get; }

    /// <param name="target">Stays the caller's to dispose.</param>
    /// <param name="journal">Stays the caller's to dispose.</param>
    /// <param name="claim">Claims the sole right to change the target; called once, before the first change.</param>
    public static Outcome<Session> Open(ITarget target, DecisionJournal journal, Func<Outcome<IDisposable>> claim) =>
        ProgramImage.Read(target).Then<Session>(program => new Session(target, program, journal, claim));

    /// <summary>The function's graph; parsed once. A refusal is remembered too.</summary>
    public Outcome<FunctionGraph> Parse(Function function)
    {
        if (!graphs.TryGetValue(function.Start, out var graph)) graphs[function.Start] = graph = FunctionParser.Parse(function, Program);
        return graph;
    }

    /// <summary>What is installed, for looking only.</summary>
    public Outcome<LiveCode> Look() => live is not null ? live : LiveCode.Open(Target, Program);

    /// <summary>What is installed, for changing: the first call claims the target and opens the log that it carries.</summary>
    public Outcome<LiveCode> Change()
    {
        if (live is not null) return live;
        if (!claim().Try(out claimed, out var why)) return why;
        if (!LiveCode.Open(Target, Program).Try(out live, out why)) return why;
        return live;
    }

    public void Dispose() => claimed?.Dispose();
}
