using KernOpt.Probes;
using KernOpt.Probes.Actions;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>What counters of <see cref="CountAction"/> or <see cref="PerThreadCountAction"/> have counted.</summary>
internal sealed class PassageCounts(ITarget target, ProbeProgram program)
{
    private readonly bool isPerThread = program.Action is PerThreadCountAction;

    /// <summary>All passages since it was put in.</summary>
    public ulong At(PlacedPoint point) => isPerThread ? PerThreadCountAction.Read(word => point.Word(program.ActionWords + word)) : point.Word(program.ActionWords);

    /// <summary>To be done every so often: threads that have started since count together with others until they have slots of their own.</summary>
    public void GiveSlots(IEnumerable<PlacedPoint> points)
    {
        if (!isPerThread) return;
        var threads = target.ReadThreadNumbers();
        foreach (var point in points)
            PerThreadCountAction.GiveSlots(threads, word => point.Word(program.ActionWords + word), (word, value) => point.Set.StoreWord(point.Number, program.ActionWords + word, value));
    }
}
