using KernOpt.Code.Graphs;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>What has to be known of a function before code goes to its points.</summary>
internal static class PointRules
{
    /// <summary>Why no instruction of it takes a point; null where some may.</summary>
    public static Refusal? Check(Session session, FunctionGraph graph)
    {
        // What another tool put there was decoded as if it were the program's.
        if (MovingRules.ChangedByOthers(graph, session.Live.Source) is { } at) return Reasons.TextIsNotTheFiles.With($"{graph.Function} at {at}");
        return FunctionTraits.Analyze(graph, session.Live.Source).IsJudgedByPlace ? Reasons.JudgedByPlace.With($"{graph.Function}") : null;
    }

    /// <summary>Whether a call of the function may be made from elsewhere and return there: then nothing that looks at its frames may be led astray. Found out when first asked.</summary>
    public static Func<bool> MayMoveCalls(Session session, FunctionGraph graph)
    {
        var may = new Lazy<bool>(() => MovingRules.Check(session, graph).IsDone);
        return () => may.Value;
    }

    /// <summary>Where code comes into the function's blocks that its graph does not show: of other functions, or of its own that only an exception reaches.</summary>
    public static IReadOnlySet<Address> Entries(Session session, FunctionGraph graph) =>
        session.EntriesInto(graph).Concat(session.EntriesWithin(graph.Function)).Concat(UnreachedCode.Of(graph, session.Live.Source).BranchTargets).ToHashSet();

    /// <summary>What a place of this kind means and no point stands for; null where there is nothing.</summary>
    public static Refusal? LeftOut(Session session, FunctionGraph graph, PlaceKind kind)
    {
        if (kind is PlaceKind.Exit or PlaceKind.Calls && graph.Blocks.FirstOrDefault(b => b.LeavesUnseen) is { } conditional)
            return Reasons.ConditionalExit.With($"{graph.Function} at {new Address(conditional.Instructions[^1].IP)}");
        if (kind is PlaceKind.Entry or PlaceKind.Offset || UnreachedCode.Of(graph, session.Live.Source) is not { Bytes: > 0 } unreached) return null;
        return Reasons.UnreachedCode.With($"{unreached.Bytes} bytes of {graph.Function}");
    }
}
