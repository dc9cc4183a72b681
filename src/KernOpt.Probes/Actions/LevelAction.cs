using KernOpt.Code.Graphs;
using KernOpt.Live.Points;
using KernOpt.Live.Stubs;
using KernOpt.Probes.Compile;
using KernOpt.Target;

namespace KernOpt.Probes.Actions;

/// <summary>
/// How many threads are inside one function: a word that all its points share is counted up at the entry and down at each exit. The entry's own word counts the calls. For one function at a
/// time: others have to be installed apart.
/// </summary>
public sealed record LevelAction : ProbeAction
{
    private const int Level = 0;

    internal override int Words => 1;
    internal override int SharedWords => 1;
    internal override int MostBytes => 32;
    internal override int Registers => 0;

    internal override Refusal? Check(FunctionGraph graph, Point point) =>
        FunctionEntry.IsAt(graph, point) == FunctionExit.IsAt(point) ? Reasons.NotTimed.With($"{graph.Function} at {point}") : null;

    internal override void Emit(PassageCode passage, int words)
    {
        if (FunctionEntry.IsAt(passage.Context.Graph, passage.Context.Point))
        {
            passage.Code.LockedIncrement(passage.Context.SharedWord(Level));
            passage.Code.LockedIncrement(passage.Context.Word(words));
        }
        else passage.Code.LockedDecrement(passage.Context.SharedWord(Level));
    }

    /// <summary>Threads inside now, as far as they were seen to come in; negative by those that were only seen to leave.</summary>
    public static long Read(Func<int, ulong> sharedWord) => (long)sharedWord(Level);

    public override string ToString() => "threads inside";
}
