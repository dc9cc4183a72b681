using System.Collections.Concurrent;
using KernOpt.Engine.Policies;

namespace KernOpt.Engine.Tuning;

/// <summary>
/// What was tried and lost. The same attempt (function, technique, and what of the profile it rests on) is not made again before its cool-down is over; a
/// changed profile makes it another attempt. The experiments and the watch of what was kept both write here, side by side.
/// </summary>
internal sealed class Attempts(CoolDowns coolDowns, TimeProvider clock)
{
    private readonly ConcurrentDictionary<string, DateTimeOffset> notBefore = [];

    public bool MayTry(string attempt) => !notBefore.TryGetValue(attempt, out var time) || clock.GetUtcNow() >= time;

    public void Lost(string attempt) => notBefore[attempt] = clock.GetUtcNow() + coolDowns.AfterLoss;

    public void RolledBack(string attempt) => notBefore[attempt] = clock.GetUtcNow() + coolDowns.AfterRollback;
}
