namespace KernOpt.Measure.Comparing;

/// <summary>
/// Both arms of a comparison come by way of the switch; the program as it was did not. What that way costs a call has to be earned, or a version that is "faster" than
/// the redirected original is a loss beside no redirection at all. (The counting of calls is in both arms too: it cancels out of what a call saves, and pulls the
/// ratio towards 1, never away from it, so nothing is taken off for it.)
/// </summary>
internal static class Detour
{
    /// <summary>CPU time per call that the version saves: the original's mean over the blocks that count, by the effect.</summary>
    public static double SavedNanoseconds(IReadOnlyList<AbBlock> blocks, AbSettings settings, double effect)
    {
        var originals = blocks.Where(b => settings.Rules.WhyExcluded(b) is null).Select(b => b.Original).ToList();
        var calls = originals.Sum(w => w.Calls);
        return calls == 0 ? 0 : (double)originals.Sum(w => w.SelfCpuNanoseconds) / calls * (1 - effect);
    }

    /// <summary>"Faster" only when the saving is more than the detour; of an objective of the user's own nothing can be said in nanoseconds.</summary>
    public static Verdict Judge(Verdict verdict, IReadOnlyList<AbBlock> blocks, AbSettings settings)
    {
        if (verdict.Kind != VerdictKind.Faster || settings.Metric != Metric.CostPerCall) return verdict;
        var saved = SavedNanoseconds(blocks, settings, verdict.Effect);
        return saved > settings.DetourNanoseconds
            ? verdict with { Why = $"{verdict.Why}; it saves {saved:0.#} ns a call, the way through the switch costs about {settings.DetourNanoseconds:0.#}" }
            : verdict with { Kind = VerdictKind.Inconclusive, Why = $"faster, but it saves {saved:0.##} ns a call, and the way through the switch costs about {settings.DetourNanoseconds:0.#}" };
    }
}
