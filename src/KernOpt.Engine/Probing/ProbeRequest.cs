using KernOpt.Engine.Sessions;
using KernOpt.Probes;
using KernOpt.Probes.Actions;
using KernOpt.Probes.Language;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>What is to be put where, as it is written: see src/docs/probes.md. All of When must hold.</summary>
public sealed record ProbeRequest(IReadOnlyList<string> Places, string Action, IReadOnlyList<string> When)
{
    /// <summary>Copies of a stack that each place makes a second at most, where the predicate has neither a sample nor a rate: at half a microsecond each, half a thousandth of a processor.</summary>
    private const uint StacksASecond = 1000;

    /// <summary>The inserted code may make system calls in the target's threads.</summary>
    public bool AllowsSystemCalls { get; init; }

    /// <summary>Where flags of the passing thread are set, and where cleared.</summary>
    public IReadOnlyList<(string Flag, string Place)> Sets { get; init; } = [];

    public IReadOnlyList<(string Flag, string Place)> Clears { get; init; } = [];

    /// <summary>What is done for a thread that waits at a break; it goes on when that is done. At once where there is nothing.</summary>
    public Func<WaitingThread, CancellationToken, Task> OnBreak { get; init; } = (_, _) => Task.CompletedTask;

    /// <summary>Refused as the texts, the types or the names in them are, and (5507) where system calls are allowed and a filter might kill the target for them.</summary>
    internal Outcome<ProbeProgram> Compile(Session session)
    {
        if (AllowsSystemCalls && session.Target.HasSystemCallFilter) return Reasons.CallsMayBeFiltered.With(session.Target.Name);
        var names = new SessionNames(session);
        if (!ActionParser.Parse(Action, names).Try(out var action, out var why)) return why;
        Expression? all = null;
        foreach (var text in When)
        {
            if (!ExpressionParser.Parse(text, names).Try(out var condition, out why)) return why;
            all = all is null ? condition : new BinaryOperation(BinaryOperator.And, all, condition);
        }
        if (action is StackAction && !(all?.All().Any(p => p is Every or RateLimit) ?? false))
        {
            if (!names.TicksPerSecond().Try(out var ticks, out why)) return why;
            var limit = new RateLimit(StacksASecond, ticks);
            all = all is null ? limit : new BinaryOperation(BinaryOperator.And, all, limit);
        }
        return ProbeProgram.Of(all, action, AllowsSystemCalls, FaultRecovery.IsLikely(session));
    }

    /// <summary>What is timed are calls: the entry of a function stands for its exits, too.</summary>
    internal Outcome<IReadOnlyList<Place>> ParsePlaces(Session session, ProbeAction action)
    {
        var places = new List<Place>();
        foreach (var text in Places)
        {
            if (!Place.Parse(text, name => session.Program.Find(name).IsDone).Try(out var place, out var why)) return why;
            if (action is TimeAction && place.Kind != PlaceKind.Entry) return Reasons.BadAction.With($"{action} is of whole functions, FUNC or GLOB:entry, not of '{text}'");
            places.Add(action is TimeAction ? place with { Kind = PlaceKind.Calls } : place);
        }
        return places;
    }
}
