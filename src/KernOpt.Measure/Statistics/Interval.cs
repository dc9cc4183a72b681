namespace KernOpt.Measure.Statistics;

/// <summary>The closed interval [Low, High] of a confidence statement; which level it has is said where it is made.</summary>
public readonly record struct Interval(double Low, double High)
{
    public double Width => High - Low;

    public bool Contains(double value) => value >= Low && value <= High;

    public bool IsWithin(double low, double high) => Low >= low && High <= high;

    public override string ToString() => $"[{Low:0.####}, {High:0.####}]";
}
