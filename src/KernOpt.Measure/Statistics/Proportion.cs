using MathNet.Numerics.Distributions;

namespace KernOpt.Measure.Statistics;

/// <summary>
/// Confidence intervals of a proportion. Method: Wilson (JASA 22, 1927) for figures that are shown,
/// Clopper and Pearson (Biometrika 26, 1934), which never covers less than it says, for figures on which something is decided.
/// Assumes independent trials.
/// </summary>
public static class Proportion
{
    /// <summary>The Wilson score interval, two-sided. <paramref name="trials"/> may be a fractional, effective number; 0 trials give [0, 1].</summary>
    public static Interval Wilson(double hits, double trials, double confidence = 0.95)
    {
        if (trials <= 0) return new(0, 1);
        var z = Normal.InvCDF(0, 1, 0.5 + confidence / 2);
        var share = hits / trials;
        var scale = 1 + z * z / trials;
        var centre = (share + z * z / (2 * trials)) / scale;
        var half = z / scale * Math.Sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials));
        return new(Math.Max(0, centre - half), Math.Min(1, centre + half));
    }

    /// <summary>The one-sided lower bound: the true share is at least this, with the given confidence.</summary>
    public static double LowerBound(long hits, long trials, double confidence = 0.95)
        => trials <= 0 || hits <= 0 ? 0 : Beta.InvCDF(hits, trials - Math.Min(hits, trials) + 1, 1 - confidence);

    /// <summary>The one-sided upper bound: the true share is at most this, with the given confidence.</summary>
    public static double UpperBound(long hits, long trials, double confidence = 0.95)
        => trials <= 0 || hits >= trials ? 1 : Beta.InvCDF(Math.Max(hits, 0) + 1, trials - hits, confidence);

    /// <summary>The two-sided Clopper–Pearson interval.</summary>
    public static Interval ClopperPearson(long hits, long trials, double confidence = 0.95)
    {
        var oneSided = 0.5 + confidence / 2;
        return new(LowerBound(hits, trials, oneSided), UpperBound(hits, trials, oneSided));
    }
}
