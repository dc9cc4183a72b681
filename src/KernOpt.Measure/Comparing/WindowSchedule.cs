using MathNet.Numerics.Random;

namespace KernOpt.Measure.Comparing;

/// <summary>
/// The order of the arms in every block: a fair coin per block from a seeded Xoshiro256**, so that a run can be repeated.
/// The coin is what the test rests on: under "no difference" it makes the sign of every block's log-ratio fair and
/// independent, whatever trend or autocorrelation the machine's noise has.
/// </summary>
public sealed class WindowSchedule(int seed)
{
    private readonly Xoshiro256StarStar coin = new(seed, false);

    public int Seed => seed;

    /// <summary>The arms of the next block in the order in which they are to be run.</summary>
    public (Arm First, Arm Second) NextBlock() => coin.NextBoolean() ? (Arm.Version, Arm.Original) : (Arm.Original, Arm.Version);
}
