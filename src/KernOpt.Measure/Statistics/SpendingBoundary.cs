using MathNet.Numerics.Distributions;

namespace KernOpt.Measure.Statistics;

/// <summary>How the permitted error is spent over the looks at a growing experiment.</summary>
public enum Spending
{
    /// <summary>α(t) = 4 − 4Φ(z(α/4)/√t), half of it on each side: almost nothing early, almost everything at the end (Lan and DeMets, Biometrika 70, 1983).</summary>
    OBrienFleming,
    /// <summary>α(t) = α·ln(1 + (e − 1)t): about alike at every look (the same paper).</summary>
    Pocock,
}

/// <summary>
/// The critical values of a two-sided group-sequential test with alpha spending, one look after the other, by the recursive
/// integration of Armitage, McPherson and Rowe (JRSS A 132, 1969). The statistic is a Brownian motion W(t) at the fraction t of the
/// planned information; the density of its paths that have not crossed yet is kept on an even grid. Immutable.
/// </summary>
public sealed class SpendingBoundary
{
    private const int Intervals = 240;
    private const double WidestZ = 8;

    private readonly double alpha;
    private readonly Spending spending;
    private readonly double fraction;
    private readonly double limit;
    private readonly double[] density;

    private SpendingBoundary(double alpha, Spending spending, double fraction, double limit, double[] density, double nominal)
    {
        this.alpha = alpha;
        this.spending = spending;
        this.fraction = fraction;
        this.limit = limit;
        this.density = density;
        NominalAlpha = nominal;
    }

    /// <summary>The two-sided level at which this look's own p-value is significant; 0 before the first look.</summary>
    public double NominalAlpha { get; }

    public static SpendingBoundary Start(double alpha, Spending spending) => new(alpha, spending, 0, 0, [], 0);

    /// <summary>The error that may have been spent when the fraction t (0..1) of the information is in.</summary>
    public static double Spent(double alpha, Spending spending, double t) => t >= 1 ? alpha : spending switch
    {
        Spending.Pocock => alpha * Math.Log(1 + (Math.E - 1) * t),
        _ => 4 * Normal.CDF(0, 1, Normal.InvCDF(0, 1, alpha / 4) / Math.Sqrt(t)),
    };

    /// <summary>
    /// The next look, at the fraction t of the planned information. The last look of all is given as 1, also when less was
    /// gathered because the time was up: it spends what is left, which is right as long as the clock and not the data ended it.
    /// </summary>
    public SpendingBoundary Look(double information, bool isLast)
    {
        // A step far below the grid's spacing could not be integrated; a wider one only makes the level stricter.
        var t = Math.Max(information, fraction + 0.01);
        var toSpend = Spent(alpha, spending, isLast ? 1 : Math.Min(t, 1)) - Spent(alpha, spending, Math.Min(fraction, 1));
        var critical = Solve(t, toSpend);
        var edge = critical * Math.Sqrt(t);
        var next = new double[Intervals + 1];
        for (var i = 0; i < next.Length; i++) next[i] = DensityAt(-edge + 2 * edge * i / Intervals, t);
        return new(alpha, spending, t, edge, next, 2 * Normal.CDF(0, 1, -critical));
    }

    private double Solve(double t, double toSpend)
    {
        double low = 0, high = WidestZ;
        for (var i = 0; i < 50; i++)
        {
            var middle = (low + high) / 2;
            if (CrossingBeyond(middle * Math.Sqrt(t), t) > toSpend) low = middle;
            else high = middle;
        }
        return high;
    }

    private double CrossingBeyond(double edge, double t)
    {
        if (fraction == 0) return 2 * Normal.CDF(0, Math.Sqrt(t), -edge);
        var step = Math.Sqrt(t - fraction);
        return Integrate(w => Normal.CDF(0, step, w - edge) + Normal.CDF(0, step, -edge - w));
    }

    private double DensityAt(double w, double t)
    {
        if (fraction == 0) return Normal.PDF(0, Math.Sqrt(t), w);
        var step = Math.Sqrt(t - fraction);
        return Integrate(from => Normal.PDF(0, step, w - from));
    }

    /// <summary>∫ f(w)·density(w) dw over the paths still inside, by Simpson's rule.</summary>
    private double Integrate(Func<double, double> f)
    {
        var width = 2 * limit / Intervals;
        double sum = 0;
        for (var i = 0; i <= Intervals; i++)
        {
            var weight = i is 0 or Intervals ? 1 : i % 2 == 1 ? 4 : 2;
            sum += weight * density[i] * f(-limit + width * i);
        }
        return sum * width / 3;
    }
}
