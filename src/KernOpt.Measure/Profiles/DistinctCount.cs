namespace KernOpt.Measure.Profiles;

/// <summary>
/// Estimates how many distinct values a stream held, out of the 256 smallest hashes (Bar-Yossef and others, RANDOM 2002). Exact below 256;
/// above, the standard error is about 6 %.
/// </summary>
internal sealed class DistinctCount
{
    private const int Kept = 256;

    private readonly SortedSet<ulong> smallest = [];

    public double Estimate => smallest.Count < Kept ? smallest.Count : (Kept - 1) / ((smallest.Max + 1.0) / ulong.MaxValue);

    public void Add(ulong value)
    {
        var hash = Mix(value);
        if (smallest.Count == Kept && hash >= smallest.Max) return;
        if (smallest.Add(hash) && smallest.Count > Kept) smallest.Remove(smallest.Max);
    }

    /// <summary>The finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): a bijection, so that distinct values stay distinct.</summary>
    private static ulong Mix(ulong value)
    {
        unchecked
        {
            value += 0x9e3779b97f4a7c15;
            value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
            value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
            return value ^ (value >> 31);
        }
    }
}
