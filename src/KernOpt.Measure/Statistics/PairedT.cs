using MathNet.Numerics.Distributions;

namespace KernOpt.Measure.Statistics;

/// <summary>
/// Student's test that the mean of differences is zero. Mean and Error (its standard error) are in the unit of the differences.
/// Fewer than two differences give no evidence: p is 1 and the interval has no ends.
/// </summary>
public readonly record struct PairedT(int Count, double Mean, double Error)
{
    public static PairedT Of(IReadOnlyList<double> differences)
    {
        var count = differences.Count;
        if (count < 2) return new(count, count == 1 ? differences[0] : 0, double.PositiveInfinity);
        var mean = differences.Average();
        var squares = differences.Sum(d => (d - mean) * (d - mean));
        return new(count, mean, Math.Sqrt(squares / (count - 1) / count));
    }

    public double StandardDeviation => Error * Math.Sqrt(Count);

    /// <summary>Two-sided.</summary>
    public double PValue
    {
        get
        {
            if (Count < 2) return 1;
            if (Error <= 0) return Mean == 0 ? 1 : 0;
            return 2 * StudentT.CDF(0, 1, Count - 1, -Math.Abs(Mean / Error));
        }
    }

    /// <summary>The two-sided interval of the mean at level 1 − <paramref name="alpha"/>.</summary>
    public Interval IntervalAt(double alpha)
    {
        if (Count < 2) return new(double.NegativeInfinity, double.PositiveInfinity);
        var half = -StudentT.InvCDF(0, 1, Count - 1, alpha / 2) * Error;
        return new(Mean - half, Mean + half);
    }
}
