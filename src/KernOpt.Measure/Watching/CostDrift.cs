using KernOpt.Measure.Statistics;
using MathNet.Numerics.Distributions;

namespace KernOpt.Measure.Watching;

/// <summary>
/// Finds a lasting rise of a version's cost per call in short slices with few samples. A slice's samples are held against those that its calls make
/// expected at the cost of all slices before it: a self-starting cumulative sum (Hawkins, Statistician 36, 1987), so that the figures come from slices of the same
/// length and frequency and the level's own uncertainty is counted. Twice the square root of a count has variance 1 by sampling alone (Anscombe, Biometrika 35,
/// 1948), also where a slice expects few samples or gets none; what varies beyond that is learnt from the slices. Two sums run: one for jumps, one for small
/// rises. A rise that was there from the first slice on is found against the cost at which the version was kept.
/// Assumes slices that are independent about one level; a lasting change of level is what it is meant to find, whatever brought it.
/// </summary>
internal sealed class CostDrift(WatchSettings settings)
{
    /// <summary>Before so many slices nothing is said; after so many nothing more is learnt, so that a slow creep has something that stands still.</summary>
    private const int FewestSlices = 8, MostSlices = 512;

    private const int FewestKeptCosts = 4;

    /// <summary>No single slice counts for more: a spike is no lasting rise.</summary>
    private const double Clip = 4;

    /// <summary>Anscombe's constant.</summary>
    private const double Root = 0.375;

    /// <summary>A comparison samples more often, in longer windows, with the switch thrown between them: by this much its cost may differ for no fault of the version's.</summary>
    private const double OtherConditions = 0.10;

    /// <summary>Normal deviations at which the first slices are too dear; asked seven times at most.</summary>
    private const double Surely = 3.7;

    /// <summary>What each sum takes off a slice's excess, in deviations: half of the rise that it finds soonest (Page, Biometrika 41, 1954).</summary>
    private static readonly double[] Slacks = [1, 0.5];

    private readonly double[] heights = [.. Slacks.Select(s => HeightFor(Slacks.Length * settings.SlicesPerFalseAlarm, s))];
    private readonly double[] sums = new double[Slacks.Length];
    private double calls, samples, nanoseconds;
    private double excess, expectations;
    private int learnt;
    private double seenCalls, seenSamples, seenNanoseconds;
    private int seen;

    /// <summary>Slices since a sum began to rise: learnt once all sums are back at zero, so that a rise is not taken for the level while it is being found.</summary>
    private readonly Queue<(WatchSlice Slice, double Count)> pending = [];

    /// <summary>The nearest sum's height by its height of alarm; null while nothing is said yet.</summary>
    public double? Level => learnt < FewestSlices ? null : Enumerable.Range(0, sums.Length).Max(i => sums[i] / heights[i]);

    /// <summary>What is wrong, for people, or null. After an alarm the sums begin anew.</summary>
    public string? Observe(WatchSlice slice)
    {
        if (slice.Calls <= 0) return null;
        var count = Count(slice);
        if (learnt >= FewestSlices && Judge(slice.Calls, count) is { } alarm)
        {
            pending.Clear();
            return alarm;
        }
        pending.Enqueue((slice, count));
        while (sums.All(s => s <= 0) && pending.TryDequeue(out var past)) Learn(past.Slice, past.Count);
        if (seen >= MostSlices) return null;
        seen++;
        seenCalls += slice.Calls;
        seenSamples += slice.Samples;
        seenNanoseconds += slice.CpuNanoseconds;
        return AgainstKept();
    }

    /// <summary>
    /// The height at which a one-sided cumulative sum of standard normal excesses less the slack alarms once in so many slices: Siegmund's approximation
    /// (Sequential Analysis, 1985, 2.6), ARL = (exp(2k(h + 1.166)) − 1 − 2k(h + 1.166)) / 2k².
    /// </summary>
    internal static double HeightFor(double slicesPerAlarm, double slack)
    {
        double low = 0, high = 60;
        for (var i = 0; i < 60; i++)
        {
            var middle = (low + high) / 2;
            var reach = 2 * slack * (middle + 1.166);
            if ((Math.Exp(reach) - 1 - reach) / (2 * slack * slack) < slicesPerAlarm) low = middle;
            else high = middle;
        }
        return high;
    }

    /// <summary>In samples of average weight: a sampler's own need not all weigh the same.</summary>
    private double Count(WatchSlice slice)
    {
        var all = samples + slice.Samples;
        return all > 0 ? slice.CpuNanoseconds * all / (nanoseconds + slice.CpuNanoseconds) : 0;
    }

    /// <summary>Half a sample more than was seen: a cost of nothing would make any sample a wonder.</summary>
    private double Expected(double callsOfSlice) => (samples + 0.5) / calls * callsOfSlice;

    /// <summary>Relative variance of a slice beyond that of sampling.</summary>
    private double Spread => expectations > 0 ? Math.Max(0, excess / expectations) : 0;

    /// <summary>Of the learnt level itself, relative.</summary>
    private double LevelVariance => 1 / (samples + 0.5) + Spread / learnt;

    private static double Distance(double count, double expected) => 2 * (Math.Sqrt(count + Root) - Math.Sqrt(expected + Root));

    private double DeviationAt(double expected) => Math.Sqrt(1 + expected * (Spread + LevelVariance));

    private string? Judge(double callsOfSlice, double count)
    {
        var expected = Expected(callsOfSlice) / (1 - settings.SmallestEffect);
        var score = Math.Clamp(NormalScore(Distance(count, expected) / DeviationAt(expected), learnt - 1), -Clip, Clip);
        var isAlarm = false;
        for (var i = 0; i < sums.Length; i++)
        {
            sums[i] = Math.Max(0, sums[i] + score - Slacks[i]);
            isAlarm |= sums[i] > heights[i];
        }
        if (!isAlarm) return null;
        Array.Clear(sums);
        return $"the cost per call rose, to {count / Expected(callsOfSlice):0.00} times its level in the slice that decided it";
    }

    private void Learn(WatchSlice slice, double count)
    {
        if (learnt >= MostSlices) return;
        if (learnt > 0)
        {
            var expected = Expected(slice.Calls);
            var distance = Distance(count, expected);
            if (learnt >= FewestSlices) distance = Math.Clamp(distance, -Clip * DeviationAt(expected), Clip * DeviationAt(expected));
            excess += distance * distance - 1 - expected / (samples + 0.5);
            expectations += expected * (1 + 1.0 / learnt);
        }
        calls += slice.Calls;
        samples += slice.Samples;
        nanoseconds += slice.CpuNanoseconds;
        learnt++;
    }

    /// <summary>The mean cost of all slices so far beside the one at which it was kept, after 8, 16, 32 … slices.</summary>
    private string? AgainstKept()
    {
        if (seen < FewestSlices || !int.IsPow2(seen) || settings.KeptCosts.Count < FewestKeptCosts) return null;
        var kept = PairedT.Of(settings.KeptCosts);
        if (kept.Mean <= 0) return null;
        var ratio = seenNanoseconds / seenCalls / kept.Mean;
        var error = Math.Sqrt(1 / (seenSamples + 0.5) + Spread / seen + Math.Pow(kept.Error / kept.Mean, 2));
        var tolerance = OtherConditions - Math.Log(1 - settings.SmallestEffect) + Surely * error;
        return Math.Log(ratio) <= tolerance ? null
            : $"in its first {seen} slices a call costs {ratio:0.00} times what it did when the version was kept; up to {Math.Exp(tolerance):0.00} would pass";
    }

    /// <summary>A standardized figure whose deviation was itself estimated, as a normal one.</summary>
    private static double NormalScore(double standardized, int freedom)
    {
        var tail = Math.Max(StudentT.CDF(0, 1, freedom, -Math.Abs(standardized)), 1e-12);
        return Math.Sign(standardized) * -Normal.InvCDF(0, 1, tail);
    }
}
