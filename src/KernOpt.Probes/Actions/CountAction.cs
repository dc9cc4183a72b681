using KernOpt.Live.Stubs;
using KernOpt.Probes.Compile;

namespace KernOpt.Probes.Actions;

/// <summary>
/// <c>count</c>: passages, exactly, with any number of threads. <c>locked-count</c> is this wherever it is asked for; <c>count</c> leaves it to <see cref="PerThreadCountAction"/> where that is as exact.
/// </summary>
public sealed record CountAction(bool IsAlwaysLocked = false) : ProbeAction
{
    internal override int Words => 1;
    internal override int MostBytes => 16;
    internal override int Registers => 0;

    internal override void Emit(PassageCode passage, int words) => passage.Code.LockedIncrement(passage.Context.Word(words));

    public override string ToString() => IsAlwaysLocked ? "locked-count" : "count";
}
