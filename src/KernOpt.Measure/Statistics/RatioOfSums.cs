using MathNet.Numerics.Distributions;

namespace KernOpt.Measure.Statistics;

/// <summary>
/// A ratio of two sums that were taken in the same slices of time, with its standard error by linearization (Cochran, Sampling Techniques, 3rd ed., 2.11): what matters is how far the parts of
/// a slice are from the common ratio, not how much there was in it. Slices that depend on each other make it look better known than it is.
/// </summary>
public readonly record struct RatioOfSums(double Value, double Error, int Slices)
{
    public static readonly RatioOfSums Whole = new(1, 0, 1);

    /// <summary>Value 0 where the lower sum is; Error infinite for fewer than two slices.</summary>
    public static RatioOfSums Of(IReadOnlyList<double> above, IReadOnlyList<double> below)
    {
        var sum = below.Sum();
        if (sum <= 0) return new RatioOfSums(0, double.PositiveInfinity, above.Count);
        var ratio = above.Sum() / sum;
        if (above.Count < 2) return new RatioOfSums(ratio, double.PositiveInfinity, above.Count);
        var squares = above.Zip(below, (a, b) => a - ratio * b).Sum(d => d * d);
        return new RatioOfSums(ratio, Math.Sqrt(squares * above.Count / (above.Count - 1)) / sum, above.Count);
    }

    /// <summary>A share of a share; of independent measurements.</summary>
    public RatioOfSums Times(RatioOfSums other) => new(Value * other.Value, Math.Sqrt(Square(Value * other.Error) + Square(other.Value * Error)), Fewest(other));

    /// <summary>The errors are added, as of parts of one window that are large together and small together: no dependence makes it look better known than it is.</summary>
    public RatioOfSums Plus(RatioOfSums other) => new(Value + other.Value, Error + other.Error, Fewest(other));

    /// <summary>Both sides of the interval, alpha / 2 beyond each.</summary>
    public (double Low, double High) Interval(double alpha)
    {
        if (Error == 0) return (Value, Value);
        if (double.IsInfinity(Error) || Slices < 2) return (0, double.PositiveInfinity);
        var half = -StudentT.InvCDF(0, 1, Slices - 1, alpha / 2) * Error;
        return (Math.Max(0, Value - half), Value + half);
    }

    private int Fewest(RatioOfSums other) => this == Whole ? other.Slices : other == Whole ? Slices : Math.Min(Slices, other.Slices);

    private static double Square(double value) => value == 0 ? 0 : value * value;
}
