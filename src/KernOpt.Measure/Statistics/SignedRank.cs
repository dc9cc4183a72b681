using MathNet.Numerics.Distributions;

namespace KernOpt.Measure.Statistics;

/// <summary>
/// Wilcoxon's signed-rank test with the Hodges–Lehmann estimate (the median of the means of all pairs) and its interval.
/// Exact where there are at most 50 differences and no ties; otherwise normal with correction for ties and continuity.
/// Zero differences are left out of the test (Wilcoxon's own rule) but stay in the estimate.
/// </summary>
public readonly record struct SignedRank(int Count, double PValue, double Estimate, Interval Interval)
{
    private const int ExactUpTo = 50;

    /// <summary>Answers the two-sided test, and the interval of the estimate at level 1 − <paramref name="alpha"/>.</summary>
    public static SignedRank Of(IReadOnlyList<double> differences, double alpha)
    {
        if (differences.Count == 0) return new(0, 1, 0, new(double.NegativeInfinity, double.PositiveInfinity));
        var (statistic, count, ties) = RankSum(differences);
        var walsh = WalshAverages(differences);
        return new(count, PValueOf(statistic, count, ties), Median(walsh), IntervalOf(walsh, differences.Count, alpha));
    }

    /// <summary>The sum of the ranks of the positive differences, how many differ from zero, and Σ(t³ − t) over groups of t ties.</summary>
    private static (double Statistic, int Count, double Ties) RankSum(IReadOnlyList<double> differences)
    {
        var sorted = differences.Where(d => d != 0).OrderBy(Math.Abs).ToArray();
        double sum = 0, ties = 0;
        for (var start = 0; start < sorted.Length;)
        {
            var end = start + 1;
            while (end < sorted.Length && Math.Abs(sorted[end]) == Math.Abs(sorted[start])) end++;
            var rank = (start + 1 + end) / 2.0;
            for (var i = start; i < end; i++)
            {
                if (sorted[i] > 0) sum += rank;
            }
            double size = end - start;
            ties += size * size * size - size;
            start = end;
        }
        return (sum, sorted.Length, ties);
    }

    private static double PValueOf(double statistic, int count, double ties)
    {
        if (count == 0) return 1;
        var mean = count * (count + 1) / 4.0;
        if (count <= ExactUpTo && ties == 0)
        {
            return Math.Min(1, 2 * ExactTails(count)[(int)Math.Min(statistic, 2 * mean - statistic)]);
        }
        var variance = count * (count + 1) * (2.0 * count + 1) / 24 - ties / 48;
        if (variance <= 0) return 1;
        var z = Math.Max(0, Math.Abs(statistic - mean) - 0.5) / Math.Sqrt(variance);
        return Math.Min(1, 2 * Normal.CDF(0, 1, -z));
    }

    /// <summary>P(T ≤ t) under fair, independent signs for each t up to the mean: subsets of 1..count counted by their sum.</summary>
    private static double[] ExactTails(int count)
    {
        var ways = new double[count * (count + 1) / 4 + 1];
        ways[0] = Math.Pow(0.5, count);
        for (var rank = 1; rank <= count; rank++)
        {
            for (var sum = ways.Length - 1; sum >= rank; sum--) ways[sum] += ways[sum - rank];
        }
        for (var t = 1; t < ways.Length; t++) ways[t] += ways[t - 1];
        return ways;
    }

    private static double[] WalshAverages(IReadOnlyList<double> differences)
    {
        var count = differences.Count;
        var averages = new double[count * (count + 1) / 2];
        var next = 0;
        for (var i = 0; i < count; i++)
        {
            for (var j = i; j < count; j++) averages[next++] = (differences[i] + differences[j]) / 2;
        }
        Array.Sort(averages);
        return averages;
    }

    private static double Median(double[] sorted)
        => sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;

    /// <summary>The k-th smallest and k-th largest average, k − 1 being the largest statistic whose tail is at most alpha / 2.</summary>
    private static Interval IntervalOf(double[] walsh, int count, double alpha)
    {
        var outside = -1;
        if (count <= ExactUpTo)
        {
            var tails = ExactTails(count);
            while (outside + 1 < tails.Length && tails[outside + 1] <= alpha / 2) outside++;
        }
        else
        {
            var deviation = Math.Sqrt(count * (count + 1) * (2.0 * count + 1) / 24);
            outside = (int)Math.Floor(count * (count + 1) / 4.0 - 0.5 + Normal.InvCDF(0, 1, alpha / 2) * deviation);
        }
        if (outside < 0) return new(double.NegativeInfinity, double.PositiveInfinity);
        return new(walsh[outside], walsh[walsh.Length - 1 - outside]);
    }
}
