namespace KernOpt.Validate.Running;

/// <summary>
/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014): the same seed gives the same choices on every
/// runtime, which a journaled seed must mean.
/// </summary>
internal sealed class DeterministicRandom(ulong seed)
{
    private ulong state = seed;

    public ulong Next()
    {
        unchecked
        {
            state += 0x9e3779b97f4a7c15;
            var z = state;
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
            z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
            return z ^ (z >> 31);
        }
    }

    /// <summary>0 to limit - 1; limit is 1 or more.</summary>
    public int Below(int limit) => (int)(Next() % (ulong)limit);

    public bool OneIn(int n) => Below(n) == 0;

    public T Pick<T>(IReadOnlyList<T> from) => from[Below(from.Count)];

    /// <summary>A seed for a stream of its own.</summary>
    public static ulong Mix(ulong a, ulong b) => new DeterministicRandom(unchecked(a ^ (b * 0xd1342543de82ef95))).Next();

    public void Fill(Span<byte> bytes)
    {
        for (var i = 0; i + 8 <= bytes.Length; i += 8) BitConverter.TryWriteBytes(bytes[i..], Next());
        for (var i = bytes.Length & ~7; i < bytes.Length; i++) bytes[i] = (byte)Next();
    }
}
